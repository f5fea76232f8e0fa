/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: the repair that the dirty bit asks for, when an activation starts to
 * write; and what there is to tell of it.
 *
 * "Dirty bit. If this bit is set then refcounts may be inconsistent, make sure
 * to scan L1/L2 tables to repair refcounts before accessing the image."  Until
 * the bit is cleared, durably and last of all, the repair may be cut off at
 * any moment and done again (check.h).
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "check.h"
#include "image-internal.h"

static double
seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static int
judge (const struct check_result *r, struct error *err)
{
  if (r->corruptions == 0 && r->check_errors == 0)
    return 0;
  return error_set (err, EIO, "the image is marked dirty (it was not closed "
                    "cleanly), and %" PRIu64 " corruptions are left after a "
                    "repair: see what baton check says, or serve it "
                    "read-only", r->corruptions + r->check_errors);
}

int
image_repair (struct image *img, struct error *err)
{
  const struct check_options options = {
    .repair = CHECK_REPAIR_ALL, .interrupt = img->options.interrupt,
  };
  const double start = seconds ();
  struct check_result r;

  if (check_image (img->io, &options, &r, err) == -1)
    return error_prefix (err, "the image is marked dirty (it was not closed "
                         "cleanly), and repairing it failed");
  if (judge (&r, err) == -1)
    return -1;
  image_notices_add (&img->notices, "the image was marked dirty (it was not "
                     "closed cleanly) and was repaired in %.1f s: %" PRIu64
                     " refcounts or flags, %" PRIu64 " leaked clusters",
                     seconds () - start, r.corruptions_fixed, r.leaks_fixed);
  return 0;
}
