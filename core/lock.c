/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lock: QEMU's image locks, see lock.h.
 *
 * Claim first, test afterwards: whoever tests has claimed, so of two racers
 * at least one sees the other.  Both may, and both give up; hence the
 * retries, with a pause that differs between processes.
 *
 * Read locks never conflict with each other.  So claiming fails only where
 * somebody who does not speak this protocol holds a write lock, and the
 * kernel frees everything when the last descriptor is closed.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lock.h"

#define USED_BASE 100           /* + i: "I use permission i" */
#define UNSHARED_BASE 200       /* + i: "I do not share permission i" */
#define NR_PERMISSIONS 4

#define RETRY_NS INT64_C (200000000)
#define PAUSE_MIN_NS INT64_C (3000000)
#define PAUSE_SPAN_NS INT64_C (20000000)

/* Bit i stands for permission i. */
struct lock_set {
  unsigned used;
  unsigned unshared;
};

static const struct lock_set sets[] = {
  [LOCK_WRITER] = { .used = 0xb, .unshared = 0xa },
  [LOCK_READER] = { .used = 0x1, .unshared = 0xa },
};

static int
set_byte (int fd, short type, off_t byte)
{
  struct flock fl = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte,
                      .l_len = 1 };

  while (fcntl (fd, F_OFD_SETLK, &fl) == -1)
    if (errno != EINTR)
      return errno;
  return 0;
}

/* Whether another open file description holds BYTE: 0 or 1; -1, errno set. */
static int
byte_is_held (int fd, off_t byte)
{
  struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
                      .l_start = byte, .l_len = 1 };

  while (fcntl (fd, F_OFD_GETLK, &fl) == -1)
    if (errno != EINTR)
      return -1;
  return fl.l_type != F_UNLCK;
}

static int
held_error (struct error *err, bool unshared, unsigned i)
{
  /* Of the permissions that a set above asks for.  "Read" is shared by all who
   * speak this protocol: who holds it alone has locked the whole file. */
  static const char *const doing[NR_PERMISSIONS] = {
    [0] = "has locked it",
    [1] = "is writing to it",
    [3] = "is resizing it",
  };
  static const char *const forbidding[NR_PERMISSIONS] = {
    [0] = "does not let others read it",
    [1] = "is using it and does not let others write to it",
    [3] = "is using it and does not let others resize it",
  };

  return error_set_class (err, EAGAIN, "LockHeld",
                          "another process %s (lock byte %u): stop that "
                          "process, or let it hand the image over, first",
                          unshared ? forbidding[i] : doing[i],
                          (unshared ? UNSHARED_BASE : USED_BASE) + i);
}

static int
no_locks_error (struct error *err, int errnum)
{
  return error_set_errno (err, errnum, "cannot lock it");
}

static int
claim (int fd, unsigned bits, off_t base, struct error *err)
{
  unsigned i;
  int e;

  for (i = 0; i < NR_PERMISSIONS; ++i) {
    if (!(bits & 1u << i))
      continue;
    e = set_byte (fd, F_RDLCK, base + i);
    if (e == EAGAIN || e == EACCES)
      return held_error (err, base == UNSHARED_BASE, i);
    if (e)
      return no_locks_error (err, e);
  }
  return 0;
}

static int
test (int fd, unsigned bits, off_t base, struct error *err)
{
  unsigned i;
  int r;

  for (i = 0; i < NR_PERMISSIONS; ++i) {
    if (!(bits & 1u << i))
      continue;
    r = byte_is_held (fd, base + i);
    if (r == -1)
      return no_locks_error (err, errno);
    if (r)
      return held_error (err, base == UNSHARED_BASE, i);
  }
  return 0;
}

/* What others do is tested before what they forbid: of the two reasons it
 * is the plainer one. */
static int
take_once (int fd, const struct lock_set *set, struct error *err)
{
  if (claim (fd, set->used, USED_BASE, err) == -1 ||
      claim (fd, set->unshared, UNSHARED_BASE, err) == -1 ||
      test (fd, set->unshared, USED_BASE, err) == -1 ||
      test (fd, set->used, UNSHARED_BASE, err) == -1) {
    lock_release (fd);
    return -1;
  }
  return 0;
}

static int64_t
now_ns (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return ts.tv_sec * INT64_C (1000000000) + ts.tv_nsec;
}

static void
pause_with_jitter (void)
{
  const uint64_t mix = ((uint64_t) now_ns () ^ (uint64_t) getpid () << 32)
                       * UINT64_C (0x9e3779b97f4a7c15);
  const struct timespec ts = {
    .tv_nsec = PAUSE_MIN_NS + (int64_t) ((mix >> 32) % PAUSE_SPAN_NS),
  };

  nanosleep (&ts, NULL);
}

int
lock_take (int fd, enum lock_mode mode, struct error *err)
{
  const int64_t deadline = now_ns () + RETRY_NS;
  struct error e = ERROR_INIT;

  while (take_once (fd, &sets[mode], &e) == -1) {
    if (!e.class || now_ns () >= deadline) {
      if (err)
        *err = e;
      return -1;
    }
    pause_with_jitter ();
  }
  return 0;
}

void
lock_release (int fd)
{
  unsigned i;

  for (i = 0; i < NR_PERMISSIONS; ++i) {
    set_byte (fd, F_UNLCK, USED_BASE + i);
    set_byte (fd, F_UNLCK, UNSHARED_BASE + i);
  }
}
