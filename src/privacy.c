/*
 * privacy.c
 *	  Keeps statements that carry a payload out of the server log.
 *
 * The server logs the statement that caused an error.  If a payload was
 * written into it as a literal, the log would show the payload.  So a context
 * callback has the statement left out of every message that is raised while a
 * function runs, a lock timeout's or a cancellation's too.
 *
 * Other messages of the server still quote statements: that of a deadlock does
 * so for all sessions that take part in it.  A payload should therefore be a
 * parameter.
 */
#include "postgres.h"

#include "privacy.h"

static void hide_statement(void *arg);

/*
 * Leave the client's statement out of the log until wd_show_statement is
 * called.  callback must live on the caller's stack; an error removes it.
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
