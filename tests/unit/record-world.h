/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of the handoff with ownership records share: real images on
 * simulated disks, and hosts that hand them over.  Each function fails the
 * test where something is not as it should be.
 */

#ifndef BATON_RECORD_WORLD_H
#define BATON_RECORD_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "handoff.h"
#include "simdisk.h"

#define PATH "/vm1.qcow2"

struct world {
  struct simdisk *disk;
  struct simdisk_opener opener;
};

static inline struct simdisk *
make_disk (const char *options)
{
  char dir[] = "/tmp/baton-record-XXXXXX", line[512], path[64];
  struct error err = ERROR_INIT;
  struct simdisk *d;

  assert_non_null (mkdtemp (dir));
  snprintf (line, sizeof line, "cd %s && qemu-img create -q -f qcow2 -o "
            "cluster_size=4k%s x 1M; rm -f d", dir, options);
  assert_int_equal (system (line), 0);
  snprintf (path, sizeof path, "%s/x", dir);
  d = simdisk_load_file (path, 512, &err);
  if (!d)
    fail_msg ("%s", err.text);
  unlink (path);
  rmdir (dir);
  return d;
}

static inline void
world_init_with (struct world *w, struct simdisk *d)
{
  w->disk = d;
  simdisk_opener_init (&w->opener);
  simdisk_opener_put (&w->opener, PATH, d);
}

#define world_init(w) world_init_with (w, make_disk (""))

static inline void
world_destroy (struct world *w)
{
  simdisk_opener_destroy (&w->opener);
  simdisk_free (w->disk);
}

static inline struct handoff *
new_at (struct io_opener *opener, const char *host, bool recorded)
{
  const struct handoff_config config = {
    .path = PATH, .options = { .opener = opener, .backing = BACKING_ON,
                                   .data_file = BACKING_ON },
    .host = host, .recorded = recorded,
  };
  struct error err = ERROR_INIT;
  struct handoff *h;

  if (handoff_new (&config, &h, &err) == -1)
    fail_msg ("handoff_new: %s", err.text);
  return h;
}

static inline struct handoff *
new_on (struct world *w, const char *host)
{
  return new_at (&w->opener.base, host, true);
}

static inline void
activate (struct handoff *h, const struct ticket *t, bool force)
{
  struct error err = ERROR_INIT;

  if (handoff_take_over (h, t, force, &err) == -1)
    fail_msg ("%s", err.text);
}

static inline struct ticket
release (struct handoff *h)
{
  struct error err = ERROR_INIT;
  struct ticket t;
  bool has;

  if (handoff_release (h, 0, &has, &t, &err) == -1)
    fail_msg ("%s", err.text);
  assert_true (has);
  return t;
}

static inline void
refused_saying (struct handoff *h, const struct ticket *t, const char *class,
                const char *text)
{
  struct error err = ERROR_INIT;
  struct handoff_status s;

  assert_int_equal (handoff_take_over (h, t, false, &err), -1);
  if (!err.class || strcmp (err.class, class) != 0 ||
      !strstr (err.text, text))
    fail_msg ("%s, and not %s (%s): %s", err.class ? err.class : "no class",
              class, text, err.text);
  handoff_get_status (h, &s);
  assert_int_equal (s.state, HANDOFF_INACTIVE);
  assert_string_equal (s.last_error, err.text);
}

#define refused(h, t, class) refused_saying (h, t, class, "")

static inline void
check_record (struct world *w, enum record_state state, uint64_t epoch,
              const char *host)
{
  struct io *io = simdisk_open (w->disk, 0, NULL);
  struct view v;

  assert_int_equal (view_read_header (io, NULL, &v, NULL), 0);
  assert_int_equal (v.found, RECORD_VALID);
  assert_int_equal (v.record.state, state);
  assert_int_equal (v.record.epoch, epoch);
  assert_string_equal (v.record.host, host);
  assert_true (v.intact);
  view_clear (&v);
  io_close (io);
}

/* -- requests --------------------------------------------------------- */

static inline int
write_byte (struct handoff *h, uint8_t byte, uint64_t offset)
{
  struct error err = ERROR_INIT;
  struct image *img;
  uint8_t buf[512];
  int r;

  if (handoff_admit (h, REQUEST_WRITE, &img, &err) != ADMITTED)
    return -1;
  memset (buf, byte, sizeof buf);
  r = image_write (img, buf, sizeof buf, offset, 0, &err);
  handoff_leave (h);
  return r;
}

static inline uint8_t
read_byte (struct handoff *h, uint64_t offset)
{
  struct error err = ERROR_INIT;
  struct image *img;
  uint8_t buf[512];

  assert_int_equal (handoff_admit (h, REQUEST_READ, &img, &err), ADMITTED);
  assert_int_equal (image_read (img, buf, sizeof buf, offset, &err), 0);
  handoff_leave (h);
  return buf[0];
}

#endif /* BATON_RECORD_WORLD_H */
