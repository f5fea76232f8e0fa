/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rendering, for a person (text) and for a program (one line of JSON).
 *
 * Pure but for the stream that they write to; stream errors are noticed
 * once, when main() ends.  ASCII only, but for what servers send: that is
 * shown without its control characters.
 */

#ifndef BATON_OUTPUT_H
#define BATON_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#define OUTPUT_NUMBER_BYTES 32

/* "512 B", "1.5 MiB", "20 GiB". */
void output_size (uint64_t bytes, char ret[OUTPUT_NUMBER_BYTES]);
/* "830 us", "12.3 ms", "4.56 s". */
void output_us (uint64_t us, char ret[OUTPUT_NUMBER_BYTES]);

/* TEXT on one line: '?' for what would move a terminal's cursor. */
void output_clean (FILE *out, const char *text);

/* "key              value\n", the value cleaned. */
void output_field (FILE *out, const char *key, const char *fmt, ...)
  __attribute__ ((format (printf, 3, 4)));

/* A word as a shell needs it: quoted where it must be. */
void output_word (FILE *out, const char *word);

/* One line. */
void output_json (FILE *out, const json_t *value);

/* What PRINT prints, line by line.  New reference. */
json_t *output_lines (void (*print) (FILE *out, const void *opaque),
                      const void *opaque);

/* -- timelines ------------------------------------------------------- */

#define OUTPUT_BAR_COLUMNS 40

struct output_row {
  unsigned indent;              /* 0: a step, 1: a phase of the one above */
  const char *name;
  const char *note;             /* behind the bar; NULL: nothing */
  char mark;                    /* what the bar is drawn with */
  uint64_t start_us;            /* since the start of the timeline */
  uint64_t us;
};

/* One line per row: name, microseconds, and a bar on a common scale. */
void output_timeline (FILE *out, const struct output_row *rows,
                      size_t nr_rows);

/* When the last of them ends; and the same lines where END_US is the end of
 * the scale, for several timelines on one. */
uint64_t output_timeline_end_us (const struct output_row *rows,
                                 size_t nr_rows);
void output_timeline_until (FILE *out, const struct output_row *rows,
                            size_t nr_rows, uint64_t end_us);

/* Rows for the phases of a "last-handover" object, from START_US on; at most
 * MAX; their number.  Names are borrowed from HANDOVER. */
size_t output_phases (const json_t *handover, unsigned indent,
                      uint64_t start_us, struct output_row *rows, size_t max);

#endif /* BATON_OUTPUT_H */
