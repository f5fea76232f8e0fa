/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rendering (output.h).
 *
 * Invariant: nothing that a server sends reaches the terminal but through
 * output_clean or jansson, which escapes it.  No state, no locks.
 */

#include <config.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "cleanup.h"
#include "output.h"

#define KEY_COLUMNS 16
#define NAME_COLUMNS 24

/* No phase lasts longer than eleven days: sums stay far from overflow,
 * whatever a server says. */
#define MAX_PHASE_US UINT64_C (1000000000000)

void
output_size (uint64_t bytes, char ret[OUTPUT_NUMBER_BYTES])
{
  static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB",
                                       "EiB" };
  double value = (double) bytes;
  int unit = -1;

  while (value >= 1024 && unit < 5) {
    value /= 1024;
    unit++;
  }
  if (unit == -1)
    snprintf (ret, OUTPUT_NUMBER_BYTES, "%" PRIu64 " B", bytes);
  else
    snprintf (ret, OUTPUT_NUMBER_BYTES, "%.4g %s", value, units[unit]);
}

void
output_us (uint64_t us, char ret[OUTPUT_NUMBER_BYTES])
{
  if (us < 1000)
    snprintf (ret, OUTPUT_NUMBER_BYTES, "%" PRIu64 " us", us);
  else if (us < 1000000)
    snprintf (ret, OUTPUT_NUMBER_BYTES, "%.3g ms", (double) us / 1e3);
  else
    snprintf (ret, OUTPUT_NUMBER_BYTES, "%.2f s", (double) us / 1e6);
}

static bool
is_control (const unsigned char *p)
{
  /* U+0080 to U+009F are controls too. */
  return *p < 0x20 || *p == 0x7f ||
         (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f);
}

void
output_clean (FILE *out, const char *text)
{
  const unsigned char *p;

  for (p = (const unsigned char *) text; *p != '\0'; p++) {
    if (!is_control (p))
      putc (*p, out);
    else {
      putc ('?', out);
      if (*p == 0xc2)
        p++;
    }
  }
}

void
output_field (FILE *out, const char *key, const char *fmt, ...)
{
  CLEANUP_FREE char *value = NULL;
  va_list args;
  int r;

  va_start (args, fmt);
  r = vasprintf (&value, fmt, args);
  va_end (args);
  if (r == -1) {
    value = NULL;
    return;
  }
  output_clean (out, key);
  fprintf (out, "%*s ", strlen (key) < KEY_COLUMNS
                          ? (int) (KEY_COLUMNS - strlen (key)) : 0, "");
  output_clean (out, value);
  putc ('\n', out);
}

void
output_word (FILE *out, const char *word)
{
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_";
  const char *p;

  if (word[0] != '\0' && strspn (word, plain) == strlen (word)) {
    fputs (word, out);
    return;
  }
  putc ('\'', out);
  for (p = word; *p != '\0'; p++)
    if (*p == '\'')
      fputs ("'\\''", out);
    else
      putc (*p, out);
  putc ('\'', out);
}

void
output_json (FILE *out, const json_t *value)
{
  json_dumpf (value, out, JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
  putc ('\n', out);
}

json_t *
output_lines (void (*print) (FILE *out, const void *opaque),
              const void *opaque)
{
  json_t *lines = json_array ();
  char *text = NULL, *line, *save;
  size_t len;
  FILE *f = open_memstream (&text, &len);

  if (f == NULL)
    return lines;
  print (f, opaque);
  if (fclose (f) == 0)
    for (line = strtok_r (text, "\n", &save); line != NULL;
         line = strtok_r (NULL, "\n", &save))
      json_array_append_new (lines, json_string (line));
  free (text);
  return lines;
}

/* -- timelines ------------------------------------------------------- */

uint64_t
output_timeline_end_us (const struct output_row *rows, size_t nr_rows)
{
  uint64_t end = 1;
  size_t i;

  for (i = 0; i < nr_rows; i++)
    if (rows[i].start_us + rows[i].us > end)
      end = rows[i].start_us + rows[i].us;
  return end;
}

static void
print_bar (FILE *out, const struct output_row *row, uint64_t end_us)
{
  const double column_us = (double) end_us / OUTPUT_BAR_COLUMNS;
  int from = (int) ((double) row->start_us / column_us);
  int to = (int) ((double) (row->start_us + row->us) / column_us + 0.5);
  int i;

  if (from >= OUTPUT_BAR_COLUMNS)
    from = OUTPUT_BAR_COLUMNS - 1;
  if (to <= from)               /* a short one is seen too */
    to = from + 1;
  if (to > OUTPUT_BAR_COLUMNS)
    to = OUTPUT_BAR_COLUMNS;
  fprintf (out, "%*s", from, "");
  for (i = from; i < to; i++)
    putc (row->mark, out);
  if (row->note != NULL)
    fprintf (out, "%*s", OUTPUT_BAR_COLUMNS - to, "");
}

static void
print_row (FILE *out, const struct output_row *row, uint64_t end_us)
{
  const int indent = 2 + 2 * (int) row->indent;
  const int len = indent + (int) strlen (row->name);

  fprintf (out, "%*s", indent, "");
  output_clean (out, row->name);
  fprintf (out, "%*s%10" PRIu64 " us  ",
           len < NAME_COLUMNS ? NAME_COLUMNS - len : 1, "", row->us);
  print_bar (out, row, end_us);
  if (row->note != NULL) {
    fputs ("  ", out);
    output_clean (out, row->note);
  }
  putc ('\n', out);
}

void
output_timeline_until (FILE *out, const struct output_row *rows,
                       size_t nr_rows, uint64_t end_us)
{
  size_t i;

  for (i = 0; i < nr_rows; i++)
    print_row (out, &rows[i], end_us);
}

void
output_timeline (FILE *out, const struct output_row *rows, size_t nr_rows)
{
  output_timeline_until (out, rows, nr_rows,
                         output_timeline_end_us (rows, nr_rows));
}

size_t
output_phases (const json_t *handover, unsigned indent, uint64_t start_us,
               struct output_row *rows, size_t max)
{
  const json_t *phases = json_object_get (handover, "phases");
  size_t i, n = 0;

  for (i = 0; i < json_array_size (phases) && n < max; i++) {
    const json_t *phase = json_array_get (phases, i);
    const char *name = field_string (phase, "name");
    uint64_t us;

    if (name == NULL || !field_u64 (phase, "us", &us))
      continue;
    if (us > MAX_PHASE_US)
      us = MAX_PHASE_US;
    rows[n++] = (struct output_row) {
      .indent = indent, .name = name, .mark = '-',
      .start_us = start_us, .us = us,
    };
    start_us += us;
  }
  return n;
}
