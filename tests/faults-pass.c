/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A pass and its fault (faults-pass.h).
 *
 * The blow falls when the message with that number comes by, before it is
 * forwarded, or a moment later, while the server works on it.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faults-pass.h"

#define NEVER UINT64_MAX

struct running {
  struct world *w;
  struct server *src, *dst;
  const struct fault *f;
  struct pass_outcome *outcome;
  pid_t caller;                 /* 0: it has ended */
  uint32_t nr_failed_before;    /* I/Os */
  uint64_t blow_us, relief_us;  /* when; NEVER */
};

/* -- the blow -------------------------------------------------------------- */

static void
kill_caller (struct running *r)
{
  if (r->caller == 0)
    return;
  kill (r->caller, SIGKILL);
  r->outcome->caller_killed = true;
}

static void
strike_servers (struct running *r)
{
  switch (r->f->kind) {
  case FAULT_KILL_SRC: server_kill (r->src); break;
  case FAULT_KILL_DST: server_kill (r->dst); break;
  case FAULT_KILL_SERVERS: case FAULT_KILL_ALL:
    server_kill (r->src);
    server_kill (r->dst);
    break;
  case FAULT_STOP_SRC: case FAULT_STOP_KILL_SRC: server_stop (r->src); break;
  case FAULT_STOP_DST: case FAULT_STOP_KILL_DST: server_stop (r->dst); break;
  case FAULT_STOP_SERVERS:
    server_stop (r->src);
    server_stop (r->dst);
    break;
  default: break;
  }
}

static void
strike (struct running *r)
{
  r->blow_us = NEVER;
  r->outcome->hit = true;
  strike_servers (r);
  if (r->f->kind == FAULT_KILL_CALLER || r->f->kind == FAULT_KILL_ALL)
    kill_caller (r);
  if (r->f->kind == FAULT_STOP_CALLER && r->caller != 0)
    kill (r->caller, SIGSTOP);
  if (r->f->kind >= FAULT_STOP_SRC && r->f->kind <= FAULT_STOP_KILL_DST)
    r->relief_us = faults_now_us () + r->f->late_us;
}

static void
relieve (struct running *r)
{
  r->relief_us = NEVER;
  if (r->f->kind == FAULT_STOP_KILL_SRC)
    server_kill (r->src);
  if (r->f->kind == FAULT_STOP_KILL_DST)
    server_kill (r->dst);
  server_continue (r->src);
  server_continue (r->dst);
  if (r->f->kind == FAULT_STOP_CALLER && r->caller != 0)
    kill (r->caller, SIGCONT);
}

/* -- messages --------------------------------------------------------------- */

static void
arm (struct server *s, const struct fault *f)
{
  s->io->countdown = f->nr_good;
  s->io->forever = f->forever;
  __atomic_store_n (&s->io->class_plus_1, f->io_class + 1, __ATOMIC_SEQ_CST);
}

static void
disarm (struct server *s)
{
  __atomic_store_n (&s->io->class_plus_1, 0, __ATOMIC_SEQ_CST);
}

static bool
executes (const struct proxy_message *m, const char *command)
{
  return m->is_write &&
    memmem (m->bytes, m->len, command, strlen (command)) != NULL;
}

static void
arm_io (struct running *r, const struct proxy_message *m)
{
  if (r->f->kind == FAULT_IO_SRC && executes (m, "\"inactivate\""))
    arm (r->src, r->f);
  if (r->f->kind == FAULT_IO_DST && executes (m, "\"activate\""))
    arm (r->dst, r->f);
}

static enum proxy_act
act_of (enum fault_kind kind)
{
  switch (kind) {
  case FAULT_LOSE: return PROXY_LOSE;
  case FAULT_CUT: return PROXY_CUT;
  case FAULT_REPEAT: return PROXY_REPEAT;
  case FAULT_DELAY: return PROXY_DELAY;
  default: return PROXY_FORWARD;
  }
}

static enum proxy_act
judge (void *opaque, const struct proxy_message *m)
{
  struct running *r = opaque;
  enum proxy_act act;

  r->outcome->nr_messages++;
  arm_io (r, m);
  if (r->f->kind == FAULT_NONE || r->f->kind >= FAULT_IO_SRC ||
      r->outcome->nr_messages != r->f->message)
    return PROXY_FORWARD;
  act = act_of (r->f->kind);
  r->outcome->hit |= act != PROXY_FORWARD;
  if (act == PROXY_FORWARD && r->f->delay_us == 0)
    strike (r);
  else if (act == PROXY_FORWARD)
    r->blow_us = faults_now_us () + r->f->delay_us;
  return act;
}

/* -- the loop ---------------------------------------------------------------- */

static int
timeout_ms (const struct running *r)
{
  if (r->blow_us != NEVER)
    return 0;
  return r->relief_us != NEVER || proxy_is_busy (&r->src->proxy) ||
    proxy_is_busy (&r->dst->proxy) || r->f->kind == FAULT_DELAY ? 3 : 100;
}

static void
wait_for_event (const struct running *r, int pidfd)
{
  struct pollfd fds[2 * PROXY_MAX_FDS + 1];
  size_t n = proxy_poll_fds (&r->src->proxy, fds);

  n += proxy_poll_fds (&r->dst->proxy, fds + n);
  if (r->caller != 0)
    fds[n++] = (struct pollfd) { .fd = pidfd, .events = POLLIN };
  poll (fds, n, timeout_ms (r));
}

static void
reap_caller (struct running *r)
{
  int status;

  if (r->caller == 0 || waitpid (r->caller, &status, WNOHANG) != r->caller)
    return;
  r->caller = 0;
  r->outcome->exit_code = WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

static bool
is_over (const struct running *r)
{
  return r->caller == 0 && r->blow_us == NEVER && r->relief_us == NEVER &&
    !proxy_is_busy (&r->src->proxy) && !proxy_is_busy (&r->dst->proxy);
}

static void
loop (struct running *r, int pidfd)
{
  const uint64_t end_us = faults_now_us () + 60 * UINT64_C (1000000);

  while (!is_over (r)) {
    wait_for_event (r, pidfd);
    proxy_run (&r->src->proxy);
    proxy_run (&r->dst->proxy);
    if (faults_now_us () >= r->blow_us)
      strike (r);
    if (faults_now_us () >= r->relief_us)
      relieve (r);
    reap_caller (r);
    if (faults_now_us () > end_us)
      faults_fail ("the pass does not end");
  }
}

static void
prepare (struct running *r, struct server *s)
{
  s->proxy.judge = judge;
  s->proxy.opaque = r;
  s->proxy.late_us = r->f->late_us;
}

static void
finish (struct server *s)
{
  disarm (s);
  proxy_reset (&s->proxy);
  server_is_dead (s);
}

void
faulty_pass (struct world *w, unsigned src, const struct fault *f,
             struct pass_outcome *ret)
{
  struct running r = {
    .w = w, .src = &w->servers[src], .dst = &w->servers[!src], .f = f,
    .outcome = ret, .blow_us = NEVER, .relief_us = NEVER,
  };
  const char *const words[] = {
    "--json", "--timeout", fault_makes_wait (f->kind) ? "0.3" : "10", "pass",
    r.src->front, r.dst->front, NULL,
  };
  int pidfd;

  *ret = (struct pass_outcome) { .exit_code = -1 };
  prepare (&r, r.src);
  prepare (&r, r.dst);
  r.nr_failed_before = r.src->io->nr_failed + r.dst->io->nr_failed;
  r.caller = baton_start (w, words);
  pidfd = pidfd_open (r.caller, 0);
  if (pidfd == -1)
    faults_fail ("pidfd_open: %s", strerror (errno));
  loop (&r, pidfd);
  close (pidfd);
  finish (r.src);
  finish (r.dst);
  ret->hit |= r.src->io->nr_failed + r.dst->io->nr_failed !=
    r.nr_failed_before;
  baton_value (w, "result", ret->result);
  baton_value (w, "owner", ret->owner);
}
