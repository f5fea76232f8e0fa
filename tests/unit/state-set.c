/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A set of states (state-set.h): an open hash table.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "state-set.h"

void *
state_set_must (void *p)
{
  if (p == NULL)
    abort ();
  return p;
}

static uint64_t
hash (const char *value, size_t bytes)
{
  uint64_t h = 1469598103934665603u, word;
  size_t i;

  for (i = 0; i + sizeof word <= bytes; i += sizeof word) {
    memcpy (&word, value + i, sizeof word);
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
  }
  for (; i < bytes; i++)
    h = (h ^ (unsigned char) value[i]) * 0x9e3779b97f4a7c15u;
  return h ^ h >> 32;
}

static uint32_t *
find_slot (const struct state_set *s, const void *value)
{
  uint64_t i = hash (value, s->value_bytes);

  for (;; i++) {
    uint32_t *slot = &s->slots[i % s->nr_slots];

    if (*slot == 0 || memcmp (s->values + (*slot - 1) * s->value_bytes, value,
                              s->value_bytes) == 0)
      return slot;
  }
}

static void
grow (struct state_set *s)
{
  uint32_t i;

  s->max = s->max == 0 ? 1024 : s->max * 2;
  s->values = state_set_must (realloc (s->values, s->max * s->value_bytes));
  free (s->slots);
  s->nr_slots = s->max * 2 + 1;
  s->slots = state_set_must (calloc (s->nr_slots, sizeof *s->slots));
  for (i = 0; i < s->nr; i++)
    *find_slot (s, s->values + i * s->value_bytes) = i + 1;
}

uint32_t
state_set_number (struct state_set *s, const void *value, bool *ret_new)
{
  uint32_t *slot;

  if (s->nr == s->max)
    grow (s);
  slot = find_slot (s, value);
  *ret_new = *slot == 0;
  if (*slot == 0) {
    memcpy (s->values + s->nr * s->value_bytes, value, s->value_bytes);
    *slot = ++s->nr;
  }
  return *slot - 1;
}

void
state_set_free (struct state_set *s)
{
  free (s->values);
  free (s->slots);
}
