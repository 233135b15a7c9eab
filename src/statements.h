/*
 * statements.h
 *	  The texts of the SQL statements of the extension.
 */
#ifndef WD_STATEMENTS_H
#define WD_STATEMENTS_H

#define WD_MAX_STATEMENT_ARGS 7

typedef struct WdStatement
{
	int			expected;		/* what SPI must answer */
	int			nargs;
	Oid			argtypes[WD_MAX_STATEMENT_ARGS];
	const char *sql;
} WdStatement;

extern const WdStatement *wd_statement(int plan);

#endif							/* WD_STATEMENTS_H */
