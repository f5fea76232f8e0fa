/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Malformed images, all of them in this process, and what the engine makes of
 * each (malformed-run.h).
 *
 *   malformed run STEP [PATTERN]
 *                               every STEPth image, in a directory that has
 *                               been prepared (test-malformed.sh); a line for
 *                               each: NAME CHECK RO RW READ...
 *   malformed write STEP DIR    writes every STEPth image as a file,
 *                               DIR/BASE/NUMBER.qcow2, and what it names;
 *                               prints NUMBER NAME CLUSTER SIZE
 *
 * Exit status: 1 where a promise is broken.
 */

#include <config.h>

#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "case-limits.h"
#include "malformed-run.h"

#define MAX_BASES 16

struct program {
  struct base_image bases[MAX_BASES];
  size_t nr_bases;
  struct malformed_runner *runner;
  const char *pattern;          /* NULL: all */
  const char *dir;
  uint64_t step;
  uint64_t number;              /* of the next image */
  uint64_t nr, nr_ro, nr_rw, nr_checked[4];
};

static void
make_bases (struct program *p)
{
  const struct base_shape *s;

  for (s = base_shapes; s->name; ++s) {
    if (p->nr_bases == MAX_BASES)
      abort ();
    base_image_init (&p->bases[p->nr_bases++], s);
  }
}

static void
destroy_bases (struct program *p)
{
  while (p->nr_bases > 0)
    base_image_destroy (&p->bases[--p->nr_bases]);
}

/* A name and a message are one word each. */
static void
print_words (const char *text)
{
  for (; *text; ++text)
    putchar (*text <= ' ' || *text >= 0x7f || *text == '\\' ? '_' : *text);
}

static void
print_open (bool opened, const struct error *err)
{
  putchar (' ');
  fputs (opened ? "ok" : "refused:", stdout);
  if (!opened)
    print_words (err->text);
}

static void
print_verdict (const struct malformed *m, const struct malformed_verdict *v)
{
  unsigned i;

  print_words (m->name);
  printf (" %d", v->check);
  if (v->check == 1 && v->check_err.errnum) {
    putchar (':');
    print_words (v->check_err.text);
  }
  print_open (v->ro, &v->ro_err);
  print_open (v->rw, &v->rw_err);
  for (i = 0; v->ro && i < MALFORMED_NR_READS; ++i)
    if (v->reads[i].ok)
      printf (" %08" PRIx32, v->reads[i].crc);
    else
      fputs (" error", stdout);
  putchar ('\n');
}

static void
run_one (void *opaque, const struct malformed *m)
{
  struct malformed_verdict v;
  struct program *p = opaque;

  if (p->number++ % p->step != 0 ||
      (p->pattern && fnmatch (p->pattern, m->name, 0) != 0))
    return;
  malformed_run (p->runner, m, &v);
  print_verdict (m, &v);
  ++p->nr;
  p->nr_ro += v.ro;
  p->nr_rw += v.rw;
  ++p->nr_checked[v.check];
}

static void
print_figures (const struct program *p)
{
  const struct limits_worst *w = limits_get_worst ();

  fprintf (stderr, "%" PRIu64 " images: %" PRIu64 " can be read, %" PRIu64
           " written to; %" PRIu64 " clean, %" PRIu64 " with leaks, %" PRIu64
           " corrupt, %" PRIu64 " not checked; %" PRIu64 " requests\n",
           p->nr, p->nr_ro, p->nr_rw, p->nr_checked[0], p->nr_checked[3],
           p->nr_checked[2], p->nr_checked[1], p->runner->nr_requests);
  fprintf (stderr, "the slowest: %" PRIu64 " us (%s)\n", w->cpu_us,
           w->cpu_case);
  if (w->memory_bytes)
    fprintf (stderr, "the largest: %" PRIu64 " KiB (%s)\n",
             w->memory_bytes >> 10, w->memory_case);
}

static int
run (struct program *p)
{
  char dir[PATH_MAX];
  bool well;

  p->runner = malloc (sizeof *p->runner);
  if (!p->runner || !realpath (".", dir))
    abort ();
  malformed_runner_init (p->runner, dir);
  limits_init ();
  malformed_each (p->bases, p->nr_bases, run_one, p);
  print_figures (p);
  well = p->runner->nr_broken == 0 && p->nr > 0;
  malformed_runner_destroy (p->runner);
  free (p->runner);
  return well ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void
must (bool ok, const char *what)
{
  if (!ok) {
    perror (what);
    exit (EXIT_FAILURE);
  }
}

static void
write_file (const char *path, const struct malformed *m)
{
  const int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  unsigned i;

  must (fd != -1 && write (fd, m->base->bytes, m->base->len) ==
        (ssize_t) m->base->len, path);
  for (i = 0; i < m->nr_patches; ++i)
    must (pwrite (fd, m->patches[i].data, m->patches[i].len,
                  (off_t) m->patches[i].offset) ==
          (ssize_t) m->patches[i].len, path);
  if (m->size < m->base->len)
    must (ftruncate (fd, (off_t) m->size) == 0, path);
  must (close (fd) == 0, path);
}

static void
write_bytes (const char *dir, const char *base, const char *name, int byte,
             uint64_t len)
{
  char path[PATH_MAX];
  FILE *f;

  snprintf (path, sizeof path, "%s/%s/%s", dir, base, name);
  f = fopen (path, "w");
  must (f != NULL, path);
  while (len-- > 0)
    putc (byte, f);
  must (fclose (f) == 0, path);
}

static void
write_base (const char *dir, const struct base_image *b)
{
  char path[PATH_MAX];

  snprintf (path, sizeof path, "%s/%s", dir, b->shape->name);
  must (mkdir (path, 0777) == 0, path);
  write_bytes (dir, b->shape->name, BASE_BACKING_NAME, BASE_BACKING_BYTE,
               base_backing_bytes (b));
  write_bytes (dir, b->shape->name, BASE_DATA_NAME, BASE_DATA_BYTE,
               base_data_bytes (b));
}

static void
write_one (void *opaque, const struct malformed *m)
{
  struct program *p = opaque;
  const uint64_t number = p->number++;
  char path[PATH_MAX];

  if (number % p->step != 0)
    return;
  snprintf (path, sizeof path, "%s/%s/%" PRIu64 ".qcow2", p->dir,
            m->base->shape->name, number);
  write_file (path, m);
  printf ("%" PRIu64 " ", number);
  print_words (m->name);
  printf (" %" PRIu64 " %" PRIu64 "\n", m->base->cluster,
          m->base->virtual_size);
}

static int
usage (void)
{
  fputs ("usage: malformed run STEP [PATTERN] | write STEP DIR\n", stderr);
  return 2;
}

static void
write_all (struct program *p)
{
  size_t i;

  for (i = 0; i < p->nr_bases; ++i)
    write_base (p->dir, &p->bases[i]);
  malformed_each (p->bases, p->nr_bases, write_one, p);
}

int
main (int argc, char *argv[])
{
  struct program p = { .step = argc > 2 ? strtoull (argv[2], NULL, 10) : 0 };
  int status = EXIT_SUCCESS;

  if (p.step == 0)
    return usage ();
  make_bases (&p);
  if (strcmp (argv[1], "run") == 0) {
    p.pattern = argv[3];
    status = run (&p);
  } else if (strcmp (argv[1], "write") == 0 && argc == 4) {
    p.dir = argv[3];
    write_all (&p);
  } else
    status = usage ();
  destroy_bases (&p);
  return status;
}
