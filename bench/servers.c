/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Processes of the benchmark (bench.h).
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define WAIT_SECONDS 60

uint64_t
bench_now_us (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

void
bench_fail (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  fputs ("handover: ", stderr);
  vfprintf (stderr, format, args);
  putc ('\n', stderr);
  va_end (args);
  exit (EXIT_FAILURE);
}

static void
nap_us (long us)
{
  nanosleep (&(struct timespec) { 0, us * 1000 }, NULL);
}

pid_t
bench_start (const struct programs *p, const char *const *words)
{
  char log[300];
  const pid_t pid = fork ();
  int fd;

  if (pid == -1)
    bench_fail ("fork: %s", strerror (errno));
  if (pid > 0)
    return pid;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  snprintf (log, sizeof log, "%s/log", p->dir);
  fd = open (log, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd != -1) {
    dup2 (fd, STDOUT_FILENO);
    dup2 (fd, STDERR_FILENO);
  }
  execvp (words[0], (char *const *) words);
  _exit (127);
}

int
bench_wait (pid_t pid)
{
  const uint64_t end_us = bench_now_us () + WAIT_SECONDS * 1000000;
  int status;

  while (waitpid (pid, &status, WNOHANG) == 0) {
    if (bench_now_us () > end_us)
      bench_fail ("process %d does not end", (int) pid);
    nap_us (200);
  }
  return status;
}

void
bench_await_socket (const char *path)
{
  const uint64_t end_us = bench_now_us () + WAIT_SECONDS * 1000000;
  struct stat st;

  while (stat (path, &st) == -1) {
    if (bench_now_us () > end_us)
      bench_fail ("nothing comes up at %s: see the log", path);
    nap_us (200);
  }
}

void
bench_make_image (const struct programs *p, const char *image,
                  const char *size)
{
  const char *const words[] = {
    "qemu-img", "create", "-q", "-f", "qcow2", "-o",
    "preallocation=metadata", image, size, NULL,
  };
  pid_t pid;
  int status;

  unlink (image);
  pid = bench_start (p, words);
  /* Terabytes take their time. */
  if (waitpid (pid, &status, 0) == -1 || status != 0)
    bench_fail ("cannot make %s of %s: see the log", image, size);
}

/* -- a pair ------------------------------------------------------------- */

static void
start_one (struct pair *p, unsigned i, const char *image)
{
  char control[320], host[32];
  const char *const words[] = {
    "nbdkit", "--exit-with-parent", "-U", p->sock[i], p->programs->plugin,
    image, control, host, "while-inactive=hold", "hold-timeout=600",
    i == 0 ? "start=active" : "start=inactive", NULL,
  };

  snprintf (p->sock[i], sizeof p->sock[i], "%s/%u.sock", p->programs->dir, i);
  snprintf (p->control[i], sizeof p->control[i], "%s/%u.control",
            p->programs->dir, i);
  snprintf (control, sizeof control, "control=%s", p->control[i]);
  snprintf (host, sizeof host, "host=host-%u", i);
  unlink (p->sock[i]);
  p->pids[i] = bench_start (p->programs, words);
  bench_await_socket (p->sock[i]);
}

void
pair_start (struct pair *p, const struct programs *programs,
            const char *image)
{
  *p = (struct pair) { .programs = programs };
  start_one (p, 0, image);
  start_one (p, 1, image);
}

void
pair_stop (struct pair *p)
{
  unsigned i;

  for (i = 0; i < 2; i++) {
    kill (p->pids[i], SIGTERM);
    bench_wait (p->pids[i]);
  }
}

pid_t
pair_begin_pass (const struct pair *p)
{
  const char *const words[] = {
    p->programs->baton, "pass", p->control[p->active],
    p->control[!p->active], NULL,
  };

  return bench_start (p->programs, words);
}
