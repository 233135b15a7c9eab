/*
 * privacy.c
 *	  Keeps statements that carry a payload out of the server log.
 *
 * The server logs the statement that caused an error, and with it a payload
 * written into the statement as a literal.  A context callback runs for
 * every message of its function, be it this extension's own, a lock timeout
 * or a canceled statement, and asks for the statement to be left out.  It has
 * no say in what the server quotes elsewhere, as the statements of those who
 * take part in a deadlock: payloads belong into parameters.
 */
#include "postgres.h"

#include "privacy.h"

static void hide_statement(void *arg);

/*
 * From here to wd_show_statement, no message logs the client's statement.
 * callback lives on the caller's stack; an error pops it by itself.
 */
void
wd_hide_statement(ErrorContextCallback *callback)
{
	callback->callback = hide_statement;
	callback->arg = NULL;
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

/* Undo wd_hide_statement. */
void
wd_show_statement(ErrorContextCallback *callback)
{
	error_context_stack = callback->previous;
}

static void
hide_statement(void *arg)
{
	errhidestmt(true);
}
