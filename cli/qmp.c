/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A connection to a QEMU's monitor (qmp.h).
 *
 * Messages are lines of JSON.  Each command has a number, so that a reply
 * that comes after its deadline is not taken for the next one's.  What comes
 * is limited in size; what is no JSON ends the connection.
 *
 * Invariant: bytes[0..len) is the start of a line that has not ended.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "qmp.h"

#define MAX_LINE_BYTES (4 * 1024 * 1024)
#define READ_BYTES 4096
#define MAX_MONITORS 2
/* A QEMU that listens to its monitor greets within milliseconds. */
#define GREETING_US UINT64_C (1500000)

struct qmp {
  int fd;                       /* -1: closed */
  qmp_event on_event;
  void *opaque;
  char *bytes;
  size_t len, size;
  bool greeted;
  uint64_t heard_us;            /* when something came last */
  uint64_t number;              /* of the last command */
  json_t *reply;                /* to it; NULL: not yet */
};

bool
qmp_is_closed (const struct qmp *q)
{
  return q->fd == -1;
}

uint64_t
qmp_heard_us (const struct qmp *q)
{
  return q->heard_us;
}

static void
hang_up (struct qmp *q)
{
  if (q->fd != -1)
    close (q->fd);
  q->fd = -1;
}

void
qmp_free (struct qmp *q)
{
  if (q == NULL)
    return;
  hang_up (q);
  json_decref (q->reply);
  free (q->bytes);
  free (q);
}

/* -- what comes ------------------------------------------------------------ */

static void
take_message (struct qmp *q, json_t *message)
{
  const char *event = field_string (message, "event");
  uint64_t number;

  if (event != NULL)
    q->on_event (q->opaque, event, json_object_get (message, "data"));
  else if (json_object_get (message, "QMP") != NULL)
    q->greeted = true;
  else if (field_u64 (message, "id", &number) && number == q->number) {
    json_decref (q->reply);
    q->reply = json_incref (message);
  }
}

static void
take_line (struct qmp *q, const char *line, size_t len)
{
  json_t *message = json_loadb (line, len, 0, NULL);

  if (message == NULL)
    hang_up (q);
  else
    take_message (q, message);
  json_decref (message);
}

static void
take_lines (struct qmp *q)
{
  char *start = q->bytes, *end;
  size_t left = q->len;

  while ((end = memchr (start, '\n', left)) != NULL) {
    take_line (q, start, (size_t) (end - start));
    left -= (size_t) (end + 1 - start);
    start = end + 1;
  }
  memmove (q->bytes, start, left);
  q->len = left;
}

static bool
make_room (struct qmp *q)
{
  char *bytes;

  if (q->size - q->len >= READ_BYTES)
    return true;
  if (q->size >= MAX_LINE_BYTES)
    return false;
  bytes = realloc (q->bytes, q->size * 2 + READ_BYTES);
  if (bytes == NULL)
    return false;
  q->bytes = bytes;
  q->size = q->size * 2 + READ_BYTES;
  return true;
}

/* There is something to read. */
static void
take_in (struct qmp *q)
{
  ssize_t n;

  if (!make_room (q)) {
    hang_up (q);
    return;
  }
  n = recv (q->fd, q->bytes + q->len, q->size - q->len, MSG_DONTWAIT);
  if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
    hang_up (q);
  if (n <= 0)
    return;
  q->len += (size_t) n;
  q->heard_us = clock_us ();
  take_lines (q);
}

void
qmp_wait (struct qmp *const *qs, size_t nr, uint64_t timeout_us)
{
  struct pollfd fds[MAX_MONITORS];
  size_t i;

  for (i = 0; i < nr; i++)
    fds[i] = (struct pollfd) {
      .fd = qs[i] != NULL ? qs[i]->fd : -1, .events = POLLIN,
    };
  if (poll (fds, nr, clock_left_ms (clock_us () + timeout_us)) <= 0)
    return;
  for (i = 0; i < nr; i++)
    if (fds[i].revents != 0)
      take_in (qs[i]);
}

/* Whatever signals come. */
static bool
wait_until (struct qmp *q, bool (*reached) (const struct qmp *),
            uint64_t deadline_us)
{
  while (!reached (q)) {
    const uint64_t now = clock_us ();

    if (q->fd == -1 || now >= deadline_us)
      return false;
    qmp_wait (&q, 1, deadline_us - now);
  }
  return true;
}

static bool
is_greeted (const struct qmp *q)
{
  return q->greeted;
}

static bool
is_answered (const struct qmp *q)
{
  return q->reply != NULL;
}

/* -- commands --------------------------------------------------------------- */

/* A socket's buffer has room for a command: a monitor that does not read has
 * been asked too much already. */
static bool
send_line (struct qmp *q, const char *execute, const json_t *arguments)
{
  CLEANUP_FREE char *text = NULL;
  json_t *message = json_pack ("{s:s, s:I, s:o*}", "execute", execute, "id",
                               (json_int_t) q->number, "arguments",
                               json_incref ((json_t *) arguments));
  size_t len;

  text = json_dumps (message, JSON_COMPACT | JSON_ENSURE_ASCII);
  json_decref (message);
  if (text == NULL)
    return false;
  len = strlen (text);
  text[len++] = '\n';           /* in the place of the NUL */
  return send (q->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
         (ssize_t) len;
}

static void
take_error (const json_t *error, struct answer *ret)
{
  const char *class = field_string (error, "class");
  const char *desc = field_string (error, "desc");

  answer_set (ret, OUTCOME_REFUSED, "%s", desc != NULL ? desc : "no reason");
  snprintf (ret->class, sizeof ret->class, "%s", class != NULL ? class : "");
}

static void
take_reply (struct qmp *q, struct answer *ret)
{
  const json_t *error = json_object_get (q->reply, "error");

  if (error != NULL)
    take_error (error, ret);
  else
    ret->body = json_incref (json_object_get (q->reply, "return"));
}

void
qmp_ask (struct qmp *q, const char *execute, const json_t *arguments,
         uint64_t timeout_us, struct answer *ret)
{
  const uint64_t start_us = clock_us ();

  answer_clear (ret);
  json_decref (q->reply);
  q->reply = NULL;
  q->number++;
  if (q->fd == -1 || !send_line (q, execute, arguments)) {
    hang_up (q);
    answer_set (ret, OUTCOME_NOT_SENT, "the monitor's connection has ended");
    return;
  }
  if (wait_until (q, is_answered, start_us + timeout_us))
    take_reply (q, ret);
  else if (q->fd == -1)
    answer_set (ret, OUTCOME_LOST, "the monitor's connection ended before "
                "the answer to %s", execute);
  else {
    answer_set (ret, OUTCOME_LOST, "no answer to %s within %" PRIu64 " ms",
                execute, timeout_us / 1000);
    ret->timed_out = true;
  }
  ret->us = clock_us () - start_us;
}

/* -- connecting --------------------------------------------------------------- */

static int
open_socket (const char *path, struct answer *ret)
{
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  const int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (strlen (path) >= sizeof addr.sun_path) {
    answer_set (ret, OUTCOME_NOT_SENT, "too long for a socket's path");
    close (fd);
    return -1;
  }
  strcpy (addr.sun_path, path);
  /* Where the backlog is full, it is said and not waited for. */
  if (fd != -1 && fcntl (fd, F_SETFL, O_NONBLOCK) != -1 &&
      connect (fd, (const struct sockaddr *) &addr, sizeof addr) == 0)
    return fd;
  answer_set (ret, OUTCOME_NOT_SENT, "cannot connect: %s%s", strerror (errno),
              errno == ENOENT || errno == ECONNREFUSED
                ? " (is that QEMU running, with -qmp unix:PATH,server=on?)"
                : errno == EAGAIN
                ? " (others are connected to this monitor, and wait: perhaps a "
                  "baton migrate is under way; a second -qmp helps)" : "");
  if (fd != -1)
    close (fd);
  return -1;
}

static void
greet (struct qmp *q, uint64_t timeout_us, struct answer *ret)
{
  const uint64_t greeting_us = timeout_us < GREETING_US ? timeout_us
                                                        : GREETING_US;

  if (!wait_until (q, is_greeted, clock_us () + greeting_us)) {
    ret->timed_out = q->fd != -1;
    answer_set (ret, OUTCOME_NOT_SENT, q->fd == -1
                  ? "it is no monitor of QEMU"
                  : "no greeting: another program, such as a baton migrate "
                    "that is under way, is connected to this monitor (a "
                    "second -qmp helps), or QEMU hangs, or it is no monitor");
    return;
  }
  qmp_ask (q, "qmp_capabilities", NULL, timeout_us, ret);
}

void
qmp_connect (const char *path, uint64_t timeout_us, qmp_event on_event,
             void *opaque, struct qmp **ret, struct answer *ret_answer)
{
  struct qmp *q = calloc (1, sizeof *q);

  answer_clear (ret_answer);
  if (q == NULL) {
    answer_set (ret_answer, OUTCOME_NOT_SENT, "not enough memory");
    return;
  }
  q->on_event = on_event;
  q->opaque = opaque;
  q->fd = open_socket (path, ret_answer);
  if (q->fd != -1)
    greet (q, timeout_us, ret_answer);
  if (ret_answer->outcome == OUTCOME_DONE && q->fd != -1)
    *ret = q;
  else
    qmp_free (q);
}
