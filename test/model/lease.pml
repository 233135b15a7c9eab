/*
 * lease.pml - the lease protocol of one event, for the model checker spin
 *
 * One row of the ledger, sessions that race for it, and a clock.  Each step
 * below is one SQL statement of the extension, which is atomic: the row's
 * lock lets one session change it at a time, and the statement's condition
 * is evaluated on the row as it is once the lock was got (READ COMMITTED).
 *
 *   step here     SQL function              C function, statement of plans.c
 *   look_up       wd_acquire, wd_try_once   wd_event_find      (event.c)
 *                                             a scan of the unique index
 *   (decision)    wd_acquire, wd_try_once   wd_event_outcome   (event.c)
 *   insert        wd_acquire                wd_event_insert    (event.c)
 *                                             INSERT: ON CONFLICT DO NOTHING
 *   take_over     wd_acquire                wd_event_take_over (event.c)
 *                                             TAKE_OVER: compares the attempt
 *                                             and status seen, and the lease
 *   (again)       wd_acquire                wd_acquire_event   (acquire.c)
 *   once_*        wd_try_once               wd_try_once        (acquire.c)
 *                                             INSERT, TAKE_OVER with done
 *   complete      wd_mark_done              complete           (complete.c)
 *   give_back     wd_mark_failed              COMPLETE: compares the attempt
 *   extend        wd_extend_lease           wd_extend_lease    (complete.c)
 *                                             RENEW: compares the attempt
 *   fence         wd_assert_owner           wd_assert_owner    (complete.c)
 *                                             LOCK: FOR NO KEY UPDATE
 *
 * A session that crashes forgets what it held and goes on as the next
 * delivery.  A session that is slow is one that others overtake.
 *
 * Sessions with an odd number read a clock that is SKEW ahead, as after a
 * failover to a machine whose clock differs.  A lease must exceed that
 * difference, or it has ended before it began.
 *
 * Whatever puts completion off (a crash, a failure, an extension, a lease
 * that ends under its holder's hands, an effect without completion) takes
 * one of FAULTS: G2 promises an end once such things stop.
 *
 * Safety, by assertions:
 *   G1  an attempt is given once; it ends the former one only if that failed
 *       or its lease ended by the clock of the one who takes over
 *   G3  nothing is completed, extended or effected by another attempt than
 *       the one that holds the event; there is one final effect at most
 *   G4  done is final
 *   and no attempt exceeds max_attempts, if LIMIT sets it
 * and no deadlock.  Progress, by the formula g2, with weak fairness:
 *   G2  the event is done in the end
 *
 * Each of these, defined, takes out a part of the protocol, and must be
 * caught:
 *   NO_FENCE      completing does not compare the attempt
 *   NO_LOCK       wd_assert_owner does not lock the row
 *   NO_UNIQUE     nothing keeps two sessions from inserting the event
 *   NO_CONDITION  taking over is an UPDATE of the key alone
 *   NO_RECHECK    taking over does not look at the lease again
 *   NO_COMPARE    taking over does not compare the attempt and status seen
 *                 (this alone breaks no more than LIMIT)
 *   NO_RECLAIM    an ended lease is never taken over
 */

#ifndef SESSIONS
#define SESSIONS 2				/* in lease mode */
#endif
#ifndef ONCE
#define ONCE 1					/* in transaction mode */
#endif
#ifndef FAULTS
#define FAULTS 3
#endif
#ifndef SKEW
#define SKEW 1
#endif
#ifndef LIMIT
#define LIMIT 0					/* attempts */
#endif
#define LEASE (SKEW + 1)

mtype = { absent, processing, failed, done };

/* The row of the ledger */
mtype status = absent;
byte attempt;
byte left;						/* of the lease, by a clock that is not ahead */
byte locked;					/* by this session + 1 */

/* What no session can see, for the properties alone */
byte faults = FAULTS;
bool alive;						/* the holder of this attempt has not crashed */
int given;						/* a bit for each attempt that was given */
bool effect;					/* the final one */

#define CLOCK(s)	((s) % 2 * SKEW)
#define ENDED(s)	(left <= CLOCK(s))

/* plans.c: ATTEMPT_ENDED */
#define ATTEMPT_ENDED(s) \
	(status == failed || (status == processing && ENDED(s)))

#ifdef NO_RECLAIM
#define SEEN_ENDED		(seen == failed)
#else
#define SEEN_ENDED		(seen == failed || (seen == processing && seen_ended))
#endif

/* The setting max_attempts, 0 for none */
#define EXHAUSTED		(LIMIT > 0 && seen_attempt >= LIMIT)

#if defined(NO_CONDITION)
#define STILL_AS_SEEN	true
#elif defined(NO_COMPARE)
#define STILL_AS_SEEN	ATTEMPT_ENDED(me)
#elif defined(NO_RECHECK)
#define STILL_AS_SEEN	(status == seen && attempt == seen_attempt)
#else
#define STILL_AS_SEEN \
	(status == seen && attempt == seen_attempt && ATTEMPT_ENDED(me))
#endif

#ifdef NO_UNIQUE
#define CAN_INSERT		true
#else
#define CAN_INSERT		(status == absent)
#endif

#ifdef NO_FENCE
#define HOLDS			(status == processing)
#else
#define HOLDS			(status == processing && attempt == mine)
#endif

#ifdef NO_LOCK
#define LOCK_ROW		skip
#else
#define LOCK_ROW		locked = me + 1
#endif

/* Only who holds the row's lock, or finds it free, can change the row. */
#define UNLOCKED		(locked == 0)

inline be_slow_or_fail()
{
	faults > 0 -> faults--
}

inline read_row()
{
	seen = status;
	seen_attempt = attempt;
	seen_ended = ENDED(me)
}

inline forget_row()
{
	seen = absent;
	seen_attempt = 0;
	seen_ended = false
}

/* G1 and G4: is it right to begin a new attempt now? */
inline check_new_attempt()
{
	assert(status != done);
	assert(status != processing || ENDED(me))
}

/* G3: is it right that this session changes or effects something now? */
inline check_holder()
{
	assert(status == processing && attempt == mine)
}

inline hold_new_attempt()
{
	assert(!(given & (1 << attempt)));
	given = given | (1 << attempt);
	assert(LIMIT == 0 || attempt <= LIMIT);
	status = processing;
	left = LEASE + CLOCK(me);
	alive = true;
	mine = attempt
}

inline end_attempt(how)
{
	status = how;
	left = 0;
	alive = false
}

inline crash()
{
	if
	:: status == processing && attempt == mine -> alive = false
	:: else
	fi;
	mine = 0
}

/* A session in lease mode: wd_acquire, work, completion. */
proctype session(byte me)
{
	mtype seen = absent;
	byte seen_attempt;
	bool seen_ended;
	byte mine;					/* the attempt that wd_acquire told */

look_up:
	atomic { read_row() };
	if
	:: seen == absent -> goto insert
	:: seen == done -> goto answered
	:: SEEN_ENDED && !EXHAUSTED -> goto take_over
	:: SEEN_ENDED && EXHAUSTED -> goto answered
	:: else					/* in_progress: it is delivered again */
	fi;
	atomic { forget_row() };
	goto look_up;

insert:
	atomic {
		UNLOCKED ->
		forget_row();
		if
		:: CAN_INSERT ->
			attempt = 1;
			hold_new_attempt()
		:: else -> goto look_up
		fi
	};
	goto hold;

take_over:
	atomic {
		UNLOCKED ->
		if
		:: STILL_AS_SEEN ->
			check_new_attempt();
			attempt++;
			hold_new_attempt();
			forget_row()
		:: else ->
			forget_row();
			goto look_up
		fi
	};

hold:
	if
	:: goto complete
	:: goto fence
	:: atomic { be_slow_or_fail(); crash() } -> goto look_up
	:: atomic { be_slow_or_fail() } -> goto give_back
	:: atomic { be_slow_or_fail() } -> goto extend
	fi;

complete:
	atomic {
		UNLOCKED ->
		if
		:: HOLDS ->
			check_holder();
			end_attempt(done)
		:: else
		fi;
		mine = 0
	};
	goto look_up;

give_back:
	atomic {
		UNLOCKED ->
		if
		:: HOLDS ->
			check_holder();
			end_attempt(failed)
		:: else
		fi;
		mine = 0
	};
	goto look_up;

extend:
	atomic {
		UNLOCKED ->
		if
		:: HOLDS ->
			check_holder();
			left = LEASE + CLOCK(me)
		:: else
		fi
	};
	goto hold;

	/* a business transaction: the fence first, then its own writes */
fence:
	atomic {
		UNLOCKED ->
		if
		:: HOLDS -> LOCK_ROW
		:: else ->				/* WD004 */
			mine = 0;
			goto look_up
		fi
	};
	if
	:: atomic {					/* commit: effect and done */
			check_holder();
			assert(!effect);
			effect = true;
			end_attempt(done);
			locked = 0;
			mine = 0
		} -> goto look_up
	:: atomic {					/* commit: an effect on the way */
			be_slow_or_fail();
			check_holder();
			locked = 0
		} -> goto hold
	:: atomic {					/* rolled back by a crash */
			be_slow_or_fail();
			crash();
			locked = 0
		} -> goto look_up
	fi;

answered:
	skip
}

/*
 * A session in transaction mode: wd_try_once and the effect commit together.
 * What it wrote is seen by others when it commits; until then the row, or
 * the unique index's entry of a new one, is locked.
 */
proctype once(byte me)
{
	mtype seen = absent;
	byte seen_attempt;
	bool seen_ended;

once_look_up:
	atomic { read_row() };
	if
	:: seen == absent -> goto once_insert
	:: seen == done -> goto once_answered
	:: SEEN_ENDED && !EXHAUSTED -> goto once_take_over
	:: SEEN_ENDED && EXHAUSTED -> goto once_answered
	:: else					/* 55P03: it is delivered again */
	fi;
	atomic { forget_row() };
	goto once_look_up;

once_insert:
	atomic {
		UNLOCKED ->
		forget_row();
		if
		:: CAN_INSERT -> locked = me + 1
		:: else -> goto once_look_up
		fi
	};
	goto once_work;

once_take_over:
	atomic {
		UNLOCKED ->
		if
		:: STILL_AS_SEEN ->
			forget_row();
			locked = me + 1
		:: else ->
			forget_row();
			goto once_look_up
		fi
	};

once_work:
	if
	:: atomic {					/* commit */
			check_new_attempt();
			attempt++;
			assert(!(given & (1 << attempt)));
			given = given | (1 << attempt);
			assert(!effect);
			effect = true;
			end_attempt(done);
			locked = 0
		}
	:: atomic {					/* rolled back */
			be_slow_or_fail();
			locked = 0
		} -> goto once_look_up
	fi;

once_answered:
	skip
}

/* Time passes at any moment, or not. */
proctype clock()
{
	/* an exhausted event is left as it is */
end_clock:
	do
	:: atomic {
			left > SKEW + 1 || (left > 0 && !alive) ||
			(left > 0 && left <= SKEW) -> left--
		}
	:: atomic {					/* the lease ends under its holder's hands */
			left == SKEW + 1 && alive && faults > 0 ->
			faults--;
			left--
		}
	:: status == done -> break
	od
}

init
{
	byte i;

	atomic {
		for (i : 0 .. SESSIONS + ONCE - 1) {
			if
			:: i < SESSIONS -> run session(i)
			:: else -> run once(i)
			fi
		};
		run clock()
	}
}

#ifdef G2
ltl g2 { <> (status == done) }
#endif
