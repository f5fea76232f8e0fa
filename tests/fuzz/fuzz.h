/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A fuzz target: what libFuzzer and AFL++ call with bytes that they made up
 * (docs/TESTING.md).  It must neither crash, nor hang, nor leak, nor take
 * memory without bounds, whatever the bytes are; where it finds a promise
 * broken, it says so and aborts.
 *
 * Where there is no fuzzer, replay.c calls it with the files of the corpus.
 * One thread.
 */

#ifndef BATON_TESTS_FUZZ_H
#define BATON_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns 0. */
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t len);

/* The input, taken from its front; zeros when there is no more. */
struct input {
  const uint8_t *data;
  size_t len;
};

static inline uint64_t
input_number (struct input *in, unsigned width)
{
  uint64_t value = 0;

  for (; width > 0; --width) {
    value = value << 8 | (in->len ? *in->data : 0);
    if (in->len) {
      ++in->data;
      --in->len;
    }
  }
  return value;
}

static inline uint8_t
input_byte (struct input *in)
{
  return (uint8_t) input_number (in, 1);
}

static inline void
require (int ok, const char *what)
{
  if (ok)
    return;
  fprintf (stderr, "broken: %s\n", what);
  abort ();
}

#endif /* BATON_TESTS_FUZZ_H */
