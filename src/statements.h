/*
 * statements.h
 *	  The texts of the SQL statements of the extension.
 */
#ifndef WD_STATEMENTS_H
#define WD_STATEMENTS_H

#define WD_MAX_STATEMENT_ARGS 11

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
extern char *wd_statement_text(const WdStatement *statement,
							   const char *table_name);

#endif							/* WD_STATEMENTS_H */
