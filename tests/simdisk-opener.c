/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Simulated disks by name, as the engine opens an image and its backing
 * files.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "simdisk.h"

static struct simdisk *
find_locked (struct simdisk_opener *o, const char *name) REQUIRES (o->lock)
{
  unsigned i;

  for (i = 0; i < SIMDISK_NR_NAMES; ++i)
    if (o->disks[i].disk && strcmp (o->disks[i].name, name) == 0)
      return o->disks[i].disk;
  return NULL;
}

static int
opener_open (struct io_opener *base, const char *name, unsigned flags,
             struct io **ret, struct error *err)
{
  struct simdisk_opener *o = (struct simdisk_opener *) base;
  struct simdisk *d;
  struct io *io;

  mutex_lock (&o->lock);
  d = find_locked (o, name);
  mutex_unlock (&o->lock);
  if (!d)
    return error_set_errno (err, ENOENT, "cannot be opened");
  io = simdisk_open (d, flags, err);
  if (!io)
    return -1;
  *ret = io;
  return 0;
}

void
simdisk_opener_init (struct simdisk_opener *o) NO_TSA
{
  memset (o, 0, sizeof *o);
  o->base.open = opener_open;
  mutex_init (&o->lock);
}

void
simdisk_opener_destroy (struct simdisk_opener *o)
{
  mutex_destroy (&o->lock);
}

static void
put_locked (struct simdisk_opener *o, const char *name, struct simdisk *d)
  REQUIRES (o->lock)
{
  unsigned i;

  for (i = 0; i < SIMDISK_NR_NAMES; ++i)
    if (o->disks[i].disk && strcmp (o->disks[i].name, name) == 0)
      o->disks[i].disk = NULL;
  if (!d)
    return;
  for (i = 0; o->disks[i].disk; ++i)
    if (i + 1 == SIMDISK_NR_NAMES)
      abort ();
  o->disks[i].name = name;
  o->disks[i].disk = d;
}

void
simdisk_opener_put (struct simdisk_opener *o, const char *name,
                    struct simdisk *d)
{
  mutex_lock (&o->lock);
  put_locked (o, name, d);
  mutex_unlock (&o->lock);
}
