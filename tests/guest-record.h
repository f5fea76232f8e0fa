/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The records that a guest writes to its disks (guest-writer.c), and that
 * the outside looks for afterwards (guest-check.c).
 *
 * A disk is an area for each of its workers, an area is slots, a slot begins
 * with a record.  Every word of a record follows from where it lies and from
 * its number: so a record that is cut, mixed or of another place is no
 * record.  Number 0 is what lies there before the guest runs.
 */

#ifndef BATON_GUEST_RECORD_H
#define BATON_GUEST_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#define GUEST_RECORD_BYTES 4096
#define GUEST_RECORD_WORDS (GUEST_RECORD_BYTES / 8)
/* Three of them share two clusters of 64 KiB unevenly. */
#define GUEST_SLOT_BYTES 20480
#define GUEST_SLOTS 256
#define GUEST_MAX_WORKERS 4
#define GUEST_MAX_DISKS 26      /* vda to vdz */

#define GUEST_MAGIC UINT64_C (0x4261746f6e526563)

struct guest_place {
  unsigned disk, worker, slot;
};

/* Bytes from the start of the disk. */
static inline uint64_t
guest_offset (const struct guest_place *p)
{
  return ((uint64_t) p->worker * GUEST_SLOTS + p->slot) * GUEST_SLOT_BYTES;
}

static inline uint64_t
guest_disk_bytes (unsigned nr_workers)
{
  return (uint64_t) nr_workers * GUEST_SLOTS * GUEST_SLOT_BYTES;
}

static inline uint64_t
guest_mix (uint64_t x)
{
  x = (x ^ (x >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C (0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static inline void
guest_record_fill (uint64_t *record, const struct guest_place *p,
                   uint64_t number)
{
  const uint64_t place = ((uint64_t) p->disk << 48) |
                         ((uint64_t) p->worker << 32) | p->slot;
  unsigned i;

  record[0] = GUEST_MAGIC;
  record[1] = place;
  record[2] = number;
  for (i = 3; i < GUEST_RECORD_WORDS; i++)
    record[i] = guest_mix (guest_mix (place + number * 0x9e37) + i);
}

/* Is it the record of this place with the number that it says? */
static inline bool
guest_record_ok (const uint64_t *record, const struct guest_place *p,
                 uint64_t *ret_number)
{
  uint64_t wanted[GUEST_RECORD_WORDS];
  unsigned i;

  *ret_number = record[2];
  guest_record_fill (wanted, p, record[2]);
  for (i = 0; i < GUEST_RECORD_WORDS; i++)
    if (record[i] != wanted[i])
      return false;
  return true;
}

#endif /* BATON_GUEST_RECORD_H */
