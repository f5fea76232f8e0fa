/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Servers, the writer and the operator's commands (faults-world.h).
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "faults-world.h"

#define START_SECONDS 30
#define END_SECONDS 30

/* -- processes ----------------------------------------------------------- */

static void
redirect (const char *path, int to, int flags)
{
  const int fd = open (path, O_WRONLY | O_CREAT | flags, 0600);

  if (fd == -1 || dup2 (fd, to) == -1)
    _exit (126);
}

/* OUT, ERR: where its output goes, from the beginning or behind what is
 * there already.  PRELOAD, PLAN: for a server. */
static pid_t
start (const char *const *words, const char *out, const char *err, int flags,
       const char *preload, const char *plan)
{
  const pid_t pid = fork ();

  if (pid == -1)
    faults_fail ("fork: %s", strerror (errno));
  if (pid > 0)
    return pid;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  redirect (out, STDOUT_FILENO, flags);
  redirect (err, STDERR_FILENO, flags);
  if (preload) {
    setenv ("LD_PRELOAD", preload, 1);
    setenv ("FAULTY_IO", plan, 1);
  }
  execvp (words[0], (char *const *) words);
  fprintf (stderr, "%s: %s\n", words[0], strerror (errno));
  _exit (127);
}

static void
nap_ms (long ms)
{
  nanosleep (&(struct timespec) { ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static int
wait_status (pid_t pid, const char *what, unsigned seconds)
{
  const uint64_t end_us = faults_now_us () + seconds * UINT64_C (1000000);
  int status;

  while (waitpid (pid, &status, WNOHANG) == 0) {
    if (faults_now_us () > end_us)
      faults_fail ("%s does not end", what);
    nap_ms (2);
  }
  return status;
}

/* -- a file's text ------------------------------------------------------- */

static char *
slurp (const char *path)
{
  char *text = calloc (1, 1);
  size_t len = 0, n;
  FILE *fp = fopen (path, "r");

  if (!fp || !text)
    return text;
  do {
    char *more = realloc (text, len + 65537);

    if (!more)
      faults_fail ("out of memory");
    text = more;
    n = fread (text + len, 1, 65536, fp);
    len += n;
    text[len] = '\0';
  } while (n > 0);
  fclose (fp);
  return text;
}

static bool
file_has (const char *path, const char *text)
{
  char *all = slurp (path);
  const bool has = all && strstr (all, text);

  free (all);
  return has;
}

/* -- servers ------------------------------------------------------------- */

static bool
is_up (const struct server *s, const char *pid_file)
{
  struct stat st;

  return stat (s->sock, &st) == 0 && stat (pid_file, &st) == 0 &&
    st.st_size > 0;
}

bool
server_is_dead (struct server *s)
{
  if (s->pid != 0 && waitpid (s->pid, NULL, WNOHANG) == s->pid)
    s->pid = 0;
  return s->pid == 0;
}

static void
words_of_server (const struct world *w, const struct server *s, bool active,
                 const char *pid_file, const char **words)
{
  static char control[2][PATH_MAX + 16], host[2][32];
  const int i = s->name[0] == 'b';

  snprintf (control[i], sizeof control[i], "control=%s", s->control);
  snprintf (host[i], sizeof host[i], "host=host-%s", s->name);
  memcpy (words, ((const char *[]) {
    "nbdkit", "--exit-with-parent", "-U", s->sock, "-P", pid_file,
    w->paths.plugin, w->paths.image, control[i], host[i],
    active ? "start=active" : "start=inactive", NULL }),
          12 * sizeof *words);
}

bool
server_start (struct world *w, struct server *s, bool active)
{
  const uint64_t end_us = faults_now_us () + START_SECONDS * 1000000;
  char pid_file[PATH_MAX + 8];
  const char *words[12];

  snprintf (pid_file, sizeof pid_file, "%s.pid", s->sock);
  words_of_server (w, s, active, pid_file, words);
  unlink (pid_file);
  unlink (s->sock);
  memset ((char *) s->io + sizeof s->io->inode, 0, 12);
  s->pid = start (words, s->log, s->log, O_TRUNC, w->paths.faulty_io,
                  s->io_path);
  w->nr_starts++;
  while (!is_up (s, pid_file)) {
    if (server_is_dead (s))
      return false;
    if (faults_now_us () > end_us)
      faults_fail ("%s does not come up", s->name);
    nap_ms (3);
  }
  return true;
}

void
server_kill (struct server *s)
{
  if (s->pid == 0)
    return;
  kill (s->pid, SIGKILL);
  waitpid (s->pid, NULL, 0);
  s->pid = 0;
  s->stopped = false;
}

void
server_stop (struct server *s)
{
  if (s->pid == 0)
    return;
  kill (s->pid, SIGSTOP);
  s->stopped = true;
}

void
server_continue (struct server *s)
{
  if (s->pid != 0 && s->stopped)
    kill (s->pid, SIGCONT);
  s->stopped = false;
}

bool
server_log_has (const struct server *s, const char *text)
{
  return file_has (s->log, text);
}

/* -- the writer ---------------------------------------------------------- */

void
writer_start (struct world *w, uint64_t seed)
{
  char journal[PATH_MAX], out[PATH_MAX], number[32];
  const char *const words[] = {
    w->paths.writer, "--journal", journal, "--reconnect", "--per-second",
    "60", "--depth", "4", "--flush-every", "16", "--seed", number,
    w->servers[0].sock, w->servers[1].sock, NULL,
  };

  snprintf (journal, sizeof journal, "%s/journal", w->paths.dir);
  snprintf (out, sizeof out, "%s/writer.log", w->paths.dir);
  snprintf (number, sizeof number, "%llu", (unsigned long long) seed);
  w->writer = start (words, out, out, O_APPEND, NULL, NULL);
}

void
writer_check (struct world *w)
{
  int status;

  if (waitpid (w->writer, &status, WNOHANG) == w->writer)
    faults_fail ("the writer has ended: see writer.log");
}

void
writer_end (struct world *w)
{
  char out[PATH_MAX];
  char *text;

  writer_check (w);
  kill (w->writer, SIGTERM);
  if (wait_status (w->writer, "the writer", END_SECONDS) != 0)
    faults_fail ("the writer failed: see writer.log");
  snprintf (out, sizeof out, "%s/writer.log", w->paths.dir);
  text = slurp (out);
  fputs (text ? text : "", stdout);
  free (text);
}

/* -- commands ------------------------------------------------------------ */

static void
output_path (const struct world *w, const char *name, char ret[PATH_MAX])
{
  snprintf (ret, PATH_MAX, "%s/baton.%s", w->paths.dir, name);
}

pid_t
baton_start (struct world *w, const char *const *words)
{
  const char *all[MAX_COMMAND_WORDS] = { w->paths.baton };
  char out[PATH_MAX], err[PATH_MAX];
  size_t i;

  for (i = 0; words[i] && i < MAX_COMMAND_WORDS - 2; i++)
    all[i + 1] = words[i];
  output_path (w, "out", out);
  output_path (w, "err", err);
  return start (all, out, err, O_TRUNC, NULL, NULL);
}

int
baton_type (struct world *w, const char *const *words)
{
  const pid_t pid = baton_start (w, words);
  const int status = wait_status (pid, "baton", 60);

  w->nr_commands++;
  return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

bool
baton_said (const struct world *w, const char *text)
{
  char err[PATH_MAX];

  output_path (w, "err", err);
  return file_has (err, text);
}

void
baton_value (const struct world *w, const char *key, char ret[32])
{
  char out[PATH_MAX], quoted[40];
  char *text, *p;

  output_path (w, "out", out);
  snprintf (quoted, sizeof quoted, "\"%s\": \"", key);
  text = slurp (out);
  p = text ? strstr (text, quoted) : NULL;
  ret[0] = '\0';
  if (p)
    sscanf (p + strlen (quoted), "%31[a-z-]", ret);
  free (text);
}

/* -- the whole ------------------------------------------------------------ */

static void
map_plan (struct server *s, const char *image)
{
  struct stat st;
  const int fd = open (s->io_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  if (fd == -1 || ftruncate (fd, sizeof *s->io) == -1 ||
      stat (image, &st) == -1)
    faults_fail ("%s, %s: %s", s->io_path, image, strerror (errno));
  s->io = mmap (NULL, sizeof *s->io, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                0);
  close (fd);
  if (s->io == MAP_FAILED)
    faults_fail ("mmap: %s", strerror (errno));
  s->io->inode = st.st_ino;
}

static void
init_server (struct world *w, struct server *s, const char *name)
{
  const char *dir = w->paths.dir;

  snprintf (s->name, sizeof s->name, "%s", name);
  snprintf (s->sock, sizeof s->sock, "%s/%s.sock", dir, name);
  snprintf (s->control, sizeof s->control, "%s/%s.control", dir, name);
  snprintf (s->front, sizeof s->front, "%s/%s.front", dir, name);
  snprintf (s->log, sizeof s->log, "%s/%s.log", dir, name);
  snprintf (s->io_path, sizeof s->io_path, "%s/%s.io", dir, name);
  map_plan (s, w->paths.image);
  proxy_open (&s->proxy, s->front, s->control);
}

void
world_open (struct world *w, const struct paths *paths)
{
  w->paths = *paths;
  init_server (w, &w->servers[0], "a");
  init_server (w, &w->servers[1], "b");
  if (!server_start (w, &w->servers[0], true) ||
      !server_start (w, &w->servers[1], false))
    faults_fail ("a server does not start: see its log");
}

void
world_close (struct world *w)
{
  size_t i;

  for (i = 0; i < 2; i++) {
    struct server *s = &w->servers[i];

    kill (s->pid, SIGTERM);
    if (wait_status (s->pid, s->name, END_SECONDS) != 0)
      faults_fail ("%s did not end well: see its log", s->name);
    proxy_close (&s->proxy);
    munmap (s->io, sizeof *s->io);
  }
}
