/*
 * statements.h
 *	  The texts of the SQL statements of the extension.
 */
#ifndef WD_STATEMENTS_H
#define WD_STATEMENTS_H

#define WD_MAX_STATEMENT_ARGS 11

/* Stands in each text, once, for the qualified name of its table. */
#define WD_TABLE_MARK "@table@"

typedef struct WdStatement
{
	int			expected;		/* what SPI must answer */
	int			lockmode;		/* the lock on the table that it takes */
	int			nargs;
	Oid			argtypes[WD_MAX_STATEMENT_ARGS];
	const char *sql;
	int			table;			/* a WdTable: the ledger, if left out */
} WdStatement;

extern const WdStatement *wd_statement(int plan);

#endif							/* WD_STATEMENTS_H */
