/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What QEMU says of many images: see qemu-look.h.  One thread.
 *
 * qemu-io reads one command, prints, and prompts for the next; more than one
 * must not be sent to it, for it waits for input that it has read already.
 */

#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "header-builder.h"
#include "qemu-look.h"
#include "reference-check.h"

#define PROMPT "qemu-io> "
#define IMAGE_FD 3
/* Without its backing file, which is not looked at. */
#define IMAGE \
  "json:{\"driver\":\"qcow2\",\"backing\":null,\"discard\":\"ignore\"," \
  "\"file\":{\"driver\":\"file\",\"locking\":\"off\"," \
  "\"filename\":\"/proc/self/fd/3\"}}"
#define PATIENCE_MS 120000

/* -- processes --------------------------------------------------------- */

static pid_t
spawn (const struct qemu_look *q, const char *const *argv, int in, int out)
{
  posix_spawn_file_actions_t actions;
  pid_t pid;

  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addchdir_np (&actions, q->dir);
  posix_spawn_file_actions_adddup2 (&actions, in, 0);
  posix_spawn_file_actions_adddup2 (&actions, out, 1);
  posix_spawn_file_actions_adddup2 (&actions, out, 2);
  posix_spawn_file_actions_adddup2 (&actions, q->image, IMAGE_FD);
  assert_int_equal (posix_spawnp (&pid, argv[0], &actions, NULL,
                                  (char *const *) argv, environ), 0);
  posix_spawn_file_actions_destroy (&actions);
  return pid;
}

static void
put_image (struct qemu_look *q, struct simdisk *disk)
{
  struct error err = ERROR_INIT;
  char path[32];

  snprintf (path, sizeof path, "/proc/self/fd/%d", q->image);
  if (simdisk_save_file (disk, path, &err) == -1)
    fail_msg ("%s", err.text);
}

/* Exit statuses other than these are those of an image that it cannot open,
 * or read. */
enum verdict
qemu_look_check (struct qemu_look *q, struct simdisk *disk)
{
  static const char *const argv[] = {
    "qemu-img", "check", "-q", IMAGE, NULL
  };
  const int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  pid_t pid;
  int status;

  assert_true (null != -1);
  q->nr_checks++;
  put_image (q, disk);
  pid = spawn (q, argv, null, null);
  close (null);
  assert_int_equal (waitpid (pid, &status, 0), pid);
  assert_true (WIFEXITED (status));
  switch (WEXITSTATUS (status)) {
  case 0:
    return VERDICT_CLEAN;
  case 3:
    return VERDICT_LEAKS;
  default:
    return VERDICT_BROKEN;
  }
}

/* -- what qemu-io prints ------------------------------------------------- */

static bool
begins (const char *s, const char *with)
{
  return strncmp (s, with, strlen (with)) == 0;
}

static uint64_t
number_after (const char *line, const char *word)
{
  const char *at = strstr (line, word);

  return at ? strtoull (at + strlen (word), NULL, 10) : 0;
}

/* "Leaked cluster 5 refcount=1 reference=0", and once more when it is mended:
 * "Repairing cluster ...".  That is what it says of refcounts that are too
 * low, too; all else that it may say is of errors. */
static bool
tells_a_leak (const char *line)
{
  return begins (line, "Leaked cluster ") ||
         (begins (line, "Repairing cluster ") &&
          number_after (line, " refcount=") >
          number_after (line, " reference="));
}

/* Unsure: a cluster that is in use was counted too often, and mended; whether
 * its COPIED flag was right is not told any more. */
static void
judge_line (struct qemu_look *q, const char *line)
{
  if (q->verdict == VERDICT_BROKEN || !tells_a_leak (line)) {
    q->verdict = VERDICT_BROKEN;
    return;
  }
  q->verdict = VERDICT_LEAKS;
  q->unsure |= number_after (line, " reference=") > 0;
}

/* The lines that are complete; whether it asks for the next command. */
static bool
judge_said (struct qemu_look *q)
{
  char *line = q->said, *end;

  q->said[q->said_bytes] = '\0';
  while ((end = strchr (line, '\n'))) {
    *end = '\0';
    judge_line (q, line);
    if (q->verdict == VERDICT_BROKEN)
      return false;
    line = end + 1;
  }
  q->said_bytes -= (size_t) (line - q->said);
  memmove (q->said, line, q->said_bytes + 1);
  return strcmp (q->said, PROMPT) == 0;
}

/* Until it asks for the next command, or has said what is broken: to mend
 * that may take QEMU for ever. */
static void
listen_to (struct qemu_look *q)
{
  struct pollfd p = { .fd = q->from, .events = POLLIN };
  bool done;

  q->verdict = VERDICT_CLEAN;
  q->unsure = false;
  q->said_bytes = 0;
  do {
    ssize_t r = (ssize_t) sizeof q->said - 1 - (ssize_t) q->said_bytes;

    if (poll (&p, 1, PATIENCE_MS) == 0)
      fail_msg ("qemu-io does not answer");
    r = read (q->from, q->said + q->said_bytes, (size_t) r);
    if (r <= 0)
      fail_msg ("qemu-io has ended, or says %s", q->said);
    q->said_bytes += (size_t) r;
    done = judge_said (q);
  } while (!done && q->verdict != VERDICT_BROKEN);
}

/* -- the qemu-io that stays ------------------------------------------------ */

static void
start (struct qemu_look *q)
{
  static const char *const argv[] = { "qemu-io", NULL };
  int in[2], out[2];

  /* Then writing to it fails, and reading says what it said. */
  signal (SIGPIPE, SIG_IGN);
  assert_int_equal (pipe2 (in, O_CLOEXEC), 0);
  assert_int_equal (pipe2 (out, O_CLOEXEC), 0);
  q->pid = spawn (q, argv, in[0], out[1]);
  q->to = in[1];
  q->from = out[0];
  close (in[0]);
  close (out[1]);
  listen_to (q);
}

static void
stop (struct qemu_look *q)
{
  if (q->pid == 0)
    return;
  close (q->to);
  close (q->from);
  kill (q->pid, SIGKILL);
  waitpid (q->pid, NULL, 0);
  q->pid = 0;
}

static void
command (struct qemu_look *q, const char *line)
{
  const ssize_t len = (ssize_t) strlen (line);

  if (write (q->to, line, (size_t) len) != len)
    fail_msg ("qemu-io has ended");
  listen_to (q);
}

void
qemu_look_init (struct qemu_look *q, const char *dir)
{
  *q = (struct qemu_look) { .dir = dir, .to = -1, .from = -1 };
  q->image = memfd_create ("baton-look", MFD_CLOEXEC);
  assert_true (q->image != -1);
}

void
qemu_look_destroy (struct qemu_look *q)
{
  stop (q);
  close (q->image);
}

/* -- verdicts ------------------------------------------------------------ */

/* With the dirty bit, and as version 3 without a backing file where it was
 * version 2: no refcount depends on what that changes. */
static void
make_dirty (struct qemu_look *q)
{
  uint8_t h[QCOW2_V3_HEADER_BYTES + 8];

  assert_int_equal (pread (q->image, h, sizeof h, 0), sizeof h);
  if (load_be32 (h + AT_VERSION) == 2) {
    memset (h + AT_BACKING_OFFSET, 0, 12);
    memset (h + QCOW2_V2_HEADER_BYTES, 0, sizeof h - QCOW2_V2_HEADER_BYTES);
    store_be32 (h + AT_VERSION, 3);
    store_be32 (h + AT_REFCOUNT_ORDER, 4);
    store_be32 (h + AT_HEADER_LENGTH, QCOW2_V3_HEADER_BYTES);
  }
  h[AT_INCOMPAT + 7] |= QCOW2_INCOMPAT_DIRTY;
  assert_int_equal (pwrite (q->image, h, sizeof h, 0), sizeof h);
}

enum verdict
qemu_look (struct qemu_look *q, struct simdisk *disk)
{
  enum verdict verdict;
  bool unsure;

  if (q->pid == 0)
    start (q);
  put_image (q, disk);
  make_dirty (q);
  command (q, "open -t unsafe " IMAGE "\n");
  verdict = q->verdict;
  unsure = q->unsure;
  if (verdict == VERDICT_BROKEN) {
    stop (q);
    return verdict;
  }
  command (q, "close\n");
  if (q->verdict != VERDICT_CLEAN)
    fail_msg ("qemu-io: %s", q->said);
  return unsure ? qemu_look_check (q, disk) : verdict;
}

enum verdict
qemu_look_past_leaks (struct qemu_look *q, struct simdisk *disk)
{
  struct simdisk *copy = simdisk_kill (disk);
  struct error err = ERROR_INIT;
  struct io *io = simdisk_open (copy, IO_OPEN_WRITE, &err);
  enum verdict verdict;

  if (!io || reference_drop_leaks (io, &err) == -1)
    fail_msg ("%s", err.text);
  io_close (io);
  verdict = qemu_look (q, copy);
  simdisk_free (copy);
  return verdict;
}
