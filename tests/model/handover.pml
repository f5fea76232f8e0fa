/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The hand-over of one image between two servers, as Spin sees it: servers A
 * and B, a caller that passes the image from A to B, an operator who comes
 * when all is over, a guest that writes and flushes, the image on shared
 * storage with its lock and its ownership record, and a network that loses,
 * repeats and delays.  Servers and caller may die between any two steps.
 *
 * Each guard names the function that implements it.  Each bug that may be
 * planted (-DBUG_...) removes one guard; tests/test-model.sh shows that each
 * one violates a property, and that the model without a bug violates none.
 *
 * Properties, asserted where they could break:
 *   S1  at most one server is active;
 *   S2  whoever is active sees every write that was acknowledged and flushed;
 *   S3  a write reaches the image only from a server that holds the lock and
 *       whose name and epoch the record bears;
 *   S4  a ticket takes the image over at most once;
 *   S5  a server that was overtaken does not become active again unless it is
 *       handed the image;
 *   S6  the record says "released" only when all that was acknowledged is
 *       durable;
 *   L1  when everything has come to rest, what docs/HANDOVER.md tells the
 *       operator to type makes exactly one server active.
 *
 * What is not in the model: storage whose locks do not reach the other host
 * (there S1 does not hold, and Baton says so at start and in `status`), and
 * `force`, by which an operator takes the responsibility for S1 and S3.
 */

#define A 0
#define B 1
#define NOBODY 2
#define OTHER(i) (1 - (i))

#ifndef MAX_WRITES
#define MAX_WRITES 1
#endif
#ifndef MAX_ROUNDS
#define MAX_ROUNDS 1
#endif
#ifndef MAX_REPEATS
#define MAX_REPEATS 1
#endif
#ifndef MAX_DEATHS
#define MAX_DEATHS 1
#endif

mtype = { dead, inactive, activating, serving, inactivating };
mtype = { none, released, held };                       /* the record */
mtype = { do_inactivate, do_activate };      /* commands */
mtype = { done, refused };                              /* replies */

/* -- the storage ------------------------------------------------------- */

byte lock = NOBODY;             /* QEMU's byte locks; they vanish at death */
mtype rec = none;
byte rec_epoch = 0;
byte rec_owner = NOBODY;
byte disk = 0;                  /* version of the data, durable */

/* -- the servers ------------------------------------------------------- */

mtype state[2] = inactive;
bool busy[2] = false;           /* with a command, or being started again */
byte view[2] = 0;               /* what it serves: version of the data */
byte stale[2] = 0;              /* what its host has in the page cache */
byte released_epoch[2] = 0;     /* in memory: what I gave away, 0: nothing */
byte released_view[2] = 0;
byte held_epoch[2] = 0;

/* A request: command, ticket's epoch (0: no ticket), ticket's digest. */
chan request[2] = [1] of { mtype, byte, byte };
/* A reply: server, command, outcome, and a ticket or a state. */
chan reply = [1] of { byte, mtype, mtype, byte, byte };

/* -- ghosts: what the properties need to know ------------------------- */

byte flushed = 0;               /* newest version acknowledged and flushed */
byte nr_writes = 0;
byte nr_deaths = 0;
byte used = 0;                  /* bit mask of tickets used, by epoch */
bool overtaken[2] = false;
bool caller_ended = false;
bool was_sent[2] = false;       /* an activate, which the network may repeat */
byte old_ticket[2], old_digest[2];
bool at_rest = false;           /* nobody dies any more, nothing is lost */

#define DIES(i) (nr_deaths < MAX_DEATHS && !at_rest)

/* The process ends: its memory and its locks are gone. */
inline die (i)
{
  d_step {
    nr_deaths++;
    state[i] = dead;
    busy[i] = true;
    released_epoch[i] = 0;
    released_view[i] = 0;
    held_epoch[i] = 0;
    view[i] = 0;
    overtaken[i] = false;
    if
    :: lock == i -> lock = NOBODY
    :: else
    fi
  }
}

/* Between any two steps. */
inline may_die (i)
{
  if
  :: true
  :: atomic { DIES (i) -> die (i); goto restart }
  fi
}

inline answer (i, command, outcome, epoch, v)
{
  if
  :: atomic { nfull (reply) -> reply ! i, command, outcome, epoch, v }
  :: full (reply)               /* nobody listens any more */
  :: !at_rest                   /* lost */
  fi
}

/* Everything that was acknowledged becomes durable: image_finish,
 * image_flush. */
inline sync (i)
{
  d_step {
    disk = view[i];
    if
    :: view[i] > flushed -> flushed = view[i]
    :: else
    fi
  }
}

/* -- a server ----------------------------------------------------------- */

/* May server I take over?  ownership_decide, core/ownership.c. */
inline decide (i, ticket, ok)
{
  if
  :: rec == none -> ok = true
  :: rec == released && ticket != 0 ->
#ifdef BUG_IGNORE_EPOCH
     ok = true
#else
     ok = (rec_epoch == ticket)
#endif
  :: rec == released && ticket == 0 ->
#ifdef BUG_FORGET_RELEASED
     ok = true
#else
     ok = (released_epoch[i] == 0 || released_epoch[i] == rec_epoch)
#endif
  :: rec == held && rec_owner == i ->
#ifdef BUG_NO_RECOVERY
     ok = false
#else
     /* Crash recovery; a ticket must be the one that was used. */
     ok = (ticket == 0 || rec_epoch == ticket + 1)
#endif
  :: rec == held && rec_owner == OTHER (i) ->
#ifdef BUG_STEAL
     ok = true
#else
     ok = false
#endif
  fi
}

proctype server (byte i)
{
  mtype command;
  byte ticket, digest;
  bool ok;

ready:
  busy[i] = false;
end_idle:
  do
  :: atomic { request[i] ? command, ticket, digest -> busy[i] = true };
     if
     :: command == do_inactivate && state[i] == serving -> goto inactivate
     :: command == do_inactivate && state[i] == inactive ->
        /* Asked again: the same ticket. */
        if
        :: released_epoch[i] != 0 ->
           answer (i, do_inactivate, done, released_epoch[i], released_view[i])
        :: else -> answer (i, do_inactivate, refused, 0, 0)
        fi;
        goto ready
     :: command == do_activate && state[i] == serving ->
        /* Asked again after success with the same ticket: success. */
        if
        :: ticket == 0 || ticket + 1 == held_epoch[i] ->
           answer (i, do_activate, done, 0, 0)
        :: else -> answer (i, do_activate, refused, 0, 0)
        fi;
        goto ready
     :: command == do_activate && state[i] == inactive -> goto activate
     fi
  :: atomic { DIES (i) -> die (i); goto restart }
  od;

  /* handoff_inactivate: park, drain, make durable, release, unlock. */
inactivate:
#ifndef BUG_WRITE_AFTER_GATE
  state[i] = inactivating;      /* gate_drain: nothing is in flight now */
#endif
  may_die (i);
#ifndef BUG_RELEASE_BEFORE_SYNC
  sync (i);
  may_die (i);
#endif
  /* One sector: record_write, and the sync that makes it durable.  A death
   * between the two leaves what a death before or after both leaves: the
   * record is the one or the other to everybody, and the lock is free. */
  d_step {
    assert (disk == view[i]);                           /* S6 */
    rec = released;
    released_epoch[i] = held_epoch[i];
    released_view[i] = view[i]
  }
#ifdef BUG_RELEASE_BEFORE_SYNC
  sync (i);
#endif
  may_die (i);
  d_step {                      /* io_unlock */
    if
    :: lock == i -> lock = NOBODY
    :: else
    fi
  }
  d_step { state[i] = inactive; stale[i] = view[i]; held_epoch[i] = 0 }
  answer (i, do_inactivate, done, released_epoch[i], released_view[i]);
  goto ready;

  /* handoff_activate: lock, read afresh, decide, verify, record, gate. */
activate:
  state[i] = activating;
  may_die (i);
#ifndef BUG_NO_LOCK
  atomic {                      /* io_lock */
    if
    :: lock == NOBODY -> lock = i
    :: else -> state[i] = inactive; goto refuse
    fi
  }
  may_die (i);
#endif
  decide (i, ticket, ok);
  may_die (i);
  if
  :: !ok -> goto back
  :: else
  fi;
  /* Past the page cache, and through it: handoff_record_look. */
  if
  :: view[i] = disk
  :: view[i] = stale[i]         /* the cache was not coherent */
  fi;
#ifndef BUG_NO_VERIFY
  if
  :: view[i] != disk -> goto back                       /* StaleView */
  :: ticket != 0 && rec == released && disk != digest -> goto back
                                                /* ChangedSinceRelease */
  :: else
  fi;
#endif
  may_die (i);
#ifdef BUG_GATE_BEFORE_RECORD
  state[i] = serving;
  held_epoch[i] = rec_epoch + 1;
  may_die (i);
#endif
  d_step {                      /* one durable sector: record_write */
    /* S4, S5 */
    assert (ticket == 0 || rec != released || !(used & (1 << ticket)));
    assert (ticket != 0 || !overtaken[i]);
    used = (ticket != 0 && rec == released -> used | (1 << ticket) : used);
    rec = held;
    rec_epoch++;
    rec_owner = i;
    held_epoch[i] = rec_epoch;
    released_epoch[i] = 0;
    overtaken[i] = false;
    overtaken[OTHER (i)] = (released_epoch[OTHER (i)] != 0)
  }
  may_die (i);
  d_step {                      /* gate_open */
    state[i] = serving;
    stale[i] = view[i];
    assert (state[OTHER (i)] != serving);                /* S1 */
    assert (view[i] >= flushed)                         /* S2 */
  }
  answer (i, do_activate, done, 0, 0);
  goto ready;

back:                           /* everything as before, and retryable */
  true;
  d_step {
#ifndef BUG_KEEP_LOCK
    if
    :: lock == i -> lock = NOBODY
    :: else
    fi;
#endif
    state[i] = inactive
  }
refuse:
  answer (i, do_activate, refused, 0, 0);
  goto ready;

  /* What was asked of the dead is lost; who restarts it starts it inactive. */
restart:
  do
  :: request[i] ? _, _, _
  :: empty (request[i]) -> state[i] = inactive; goto ready
  od
}

/* -- the guest ------------------------------------------------------------ */

/* gate_admit: whether a request may pass and that it is in flight are one
 * step under one lock. */
inline admitted_write (i)
{
  atomic {
    assert (lock == i && rec == held && rec_owner == i &&
            rec_epoch == held_epoch[i]);                /* S3 */
    view[i]++;
    nr_writes++
  }
}

proctype guest ()
{
end:
  do
#ifdef BUG_WRITE_AFTER_GATE
  :: state[A] == serving && nr_writes < MAX_WRITES ->
     /* "Check, then start" is the bug. */
     atomic { (state[A] != dead) -> view[A]++; nr_writes++;
              assert (lock == A) }
#else
  :: atomic { state[A] == serving && nr_writes < MAX_WRITES ->
              admitted_write (A) }
#endif
  :: atomic { state[B] == serving && nr_writes < MAX_WRITES ->
              admitted_write (B) }
  :: atomic { state[A] == serving && view[A] != flushed -> sync (A) }
  :: atomic { state[B] == serving && view[B] != flushed -> sync (B) }
  od
}

/* -- the caller ---------------------------------------------------------- */

inline send (i, command, ticket, digest)
{
  d_step {                      /* an inactivate repeated is harmless */
    if
    :: command == do_activate -> was_sent[i] = true; old_ticket[i] = ticket;
       old_digest[i] = digest
    :: else
    fi
  }
  if
  :: nfull (request[i]) -> request[i] ! command, ticket, digest
  :: true                               /* lost, or nobody listens */
  fi
}

/* What was sent comes again, or late, when others have been heard since. */
proctype network ()
{
  byte nr = 0;

end:
  do
  :: atomic { nr < MAX_REPEATS && !at_rest && was_sent[A] &&
              nfull (request[A]) ->
     request[A] ! do_activate, old_ticket[A], old_digest[A]; nr++ }
  :: atomic { nr < MAX_REPEATS && !at_rest && was_sent[B] &&
              nfull (request[B]) ->
     request[B] ! do_activate, old_ticket[B], old_digest[B]; nr++ }
  od
}

/* Wait for SERVER's word on COMMAND, or lose patience at any time. */
inline hear (server_, command_)
{
  outcome = 0;
  do
  :: reply ? from, what, outcome, epoch, digest ->
     if
     :: from == server_ && what == command_ -> break
     :: else -> outcome = 0             /* too late, or of another step */
     fi
  :: true -> outcome = 0; break         /* the deadline */
  od
}

/* baton pass A B, and then back: pass_advance, cli/pass-decide.c. */
proctype caller ()
{
  byte from, epoch, digest, ticket, ticket_digest, tries;
  mtype what, outcome;
  byte src = A, rounds = 0;

begin:
  tries = 0;
  do
  :: send (src, do_inactivate, 0, 0);
     hear (src, do_inactivate);
     if
     :: outcome == done -> ticket = epoch; ticket_digest = digest; break
     :: outcome == refused -> goto over
     :: outcome == 0 && tries < 1 -> tries++    /* lost: ask again */
     :: outcome == 0 && tries >= 1 -> goto roll_back
     fi
  :: goto over                          /* the caller dies */
  od;
  send (OTHER (src), do_activate, ticket, ticket_digest);
  hear (OTHER (src), do_activate);
  if
  :: outcome == done && rounds + 1 < MAX_ROUNDS ->
     rounds++; src = OTHER (src); goto begin
  :: outcome == done -> goto over
  :: outcome != done -> goto roll_back
  :: goto over                          /* the caller dies */
  fi;

  /* The record decides whether the source may have it back. */
roll_back:
  send (src, do_activate, 0, 0);
  hear (src, do_activate);
  if
  :: rounds + 1 < MAX_ROUNDS -> rounds++; src = OTHER (src); goto begin
  :: true
  fi;
over:
#ifdef REACH
  assert (state[B] != serving);         /* the model can pass an image */
#endif
  caller_ended = true
}

/* -- the operator -------------------------------------------------------- */

/* When all is over: what docs/HANDOVER.md says.  Both servers are started
 * again where they are dead; if none is active, the one that the record names
 * is activated, and where it names nobody either of them. */
proctype operator ()
{
  caller_ended;
  at_rest = true;
  /* What is under way ends: both stand still. */
  (empty (request[A]) && empty (request[B]) && !busy[A] && !busy[B]);
  do
  :: reply ? _, _, _, _, _
  :: empty (reply) -> break
  od;
  stale[A] = disk;              /* time passes: attribute caches expire */
  stale[B] = disk;
  if
  :: state[A] == serving || state[B] == serving
  :: else ->
     if
     :: rec == held && rec_owner == A -> request[A] ! do_activate, 0, 0
     :: rec == held && rec_owner == B -> request[B] ! do_activate, 0, 0
     :: rec != held -> request[B] ! do_activate, 0, 0
     fi;
     (nempty (reply));
     if
     :: reply ? _, _, done, _, _
     :: reply ? _, _, refused, _, _ -> request[A] ! do_activate, 0, 0;
        (nempty (reply));
        reply ? _, _, _, _, _
     fi
  fi;
  assert ((state[A] == serving) != (state[B] == serving))         /* L1 */
}

init
{
  /* A serves; B was started inactive and has looked at the image. */
  d_step {
    lock = A; rec = held; rec_epoch = 1; rec_owner = A;
    held_epoch[A] = 1; state[A] = serving
  }
  atomic {
    run server (A); run server (B); run guest (); run caller (); run network ();
    run operator ()
  }
}
