/*
 * statements.h
 *	  The texts of the SQL statements of the extension.
 */
#ifndef WD_STATEMENTS_H
#define WD_STATEMENTS_H

#define WD_MAX_STATEMENT_ARGS 7

/* Stands in each text, once, for the qualified name of the ledger. */
#define WD_LEDGER_MARK "@ledger@"

typedef struct WdStatement
{
	int			expected;		/* what SPI must answer */
	int			lockmode;		/* the lock on the ledger that it takes */
	int			nargs;
	Oid			argtypes[WD_MAX_STATEMENT_ARGS];
	const char *sql;
} WdStatement;

extern const WdStatement *wd_statement(int plan);

#endif							/* WD_STATEMENTS_H */
