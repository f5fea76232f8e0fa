/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image worlds: see image-world.h.  One thread.
 */

#include <config.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "image-world.h"

#define BASE_UNITS 6u           /* the backing file is shorter than the disk */

uint64_t
world_bytes (const struct world *w)
{
  return NR_UNITS * w->shape->unit_bytes;
}

static int
shell (const char *dir, const char *command)
{
  char line[1024];
  int status;

  snprintf (line, sizeof line, "cd %s && %s", dir, command);
  status = system (line);
  return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

static struct simdisk *
load_file (const char *dir, const char *name)
{
  struct error err = ERROR_INIT;
  struct simdisk *d;
  char path[128];

  snprintf (path, sizeof path, "%s/%s", dir, name);
  d = simdisk_load_file (path, 512, &err);
  if (!d)
    fail_msg ("%s", err.text);
  return d;
}

static void
save_file (struct simdisk *d, const char *dir, const char *name)
{
  struct error err = ERROR_INIT;
  char path[128];

  snprintf (path, sizeof path, "%s/%s", dir, name);
  if (simdisk_save_file (d, path, &err) == -1)
    fail_msg ("%s", err.text);
}

static struct io *
open_io (struct simdisk *d)
{
  struct error err = ERROR_INIT;
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, &err);

  if (!io)
    fail_msg ("%s", err.text);
  return io;
}

static uint8_t
base_byte (uint64_t offset)
{
  return 0x80 | (offset >> 7);
}

static void
make_base (struct world *w, const char *dir)
{
  const uint64_t bytes = BASE_UNITS * w->shape->unit_bytes;
  uint8_t *buf = malloc (bytes);
  struct io *io;
  uint64_t i;

  assert_non_null (buf);
  w->base = simdisk_new (512);
  io = open_io (w->base);
  for (i = 0; i < bytes; ++i)
    buf[i] = base_byte (i);
  assert_int_equal (io_pwrite (io, buf, bytes, 0, IO_DSYNC, NULL), 0);
  memcpy (w->new, buf, bytes);
  io_close (io);
  free (buf);
  save_file (w->base, dir, "base.raw");
  simdisk_opener_put (&w->opener, "base.raw", w->base);
}

/* The same content on a device, whose other bytes are stale. */
static struct simdisk *
to_device (struct simdisk *file, uint64_t device_bytes)
{
  struct simdisk *d = simdisk_new_device (512, device_bytes, 0xdd);
  struct io *from = open_io (file), *to = open_io (d);
  uint64_t size, offset;
  uint8_t buf[4096];

  assert_int_equal (io_size (from, &size, NULL), 0);
  for (offset = 0; offset < size; offset += sizeof buf) {
    assert_int_equal (io_pread (from, buf, sizeof buf, offset, NULL), 0);
    assert_int_equal (io_pwrite (to, buf, sizeof buf, offset, IO_DSYNC, NULL),
                      0);
  }
  io_close (from);
  io_close (to);
  simdisk_free (file);
  return d;
}

static void
write_content (struct world *w)
{
  static const struct step steps[] = {
    { WRITE, 0, UNITS (4), 0 }, { ZERO, UNITS (2), UNITS (1), 0 },
    { FINISH, 0, 0, 0 },
  };
  size_t i;

  w->disk = w->pristine;
  world_open (w);
  for (i = 0; i < sizeof steps / sizeof steps[0]; ++i) {
    struct error err = ERROR_INIT;

    if (world_step (w, &steps[i], 1, &err) == -1)
      fail_msg ("%s", err.text);
  }
  world_close (w);
  w->disk = NULL;
}

static void
grow_file (struct world *w)
{
  struct io *io = open_io (w->pristine);
  const uint8_t zero = 0;

  assert_int_equal (io_pwrite (io, &zero, 1, w->shape->file_bytes - 1,
                               IO_DSYNC, NULL), 0);
  io_close (io);
}

static void
make_pristine (struct world *w, const char *dir)
{
  char command[512];

  if (w->shape->backed)
    make_base (w, dir);
  snprintf (command, sizeof command, "qemu-img create -q -f qcow2 %s %s",
            w->shape->backed ? "-b base.raw -F raw" : "", w->shape->create);
  assert_int_equal (shell (dir, command), 0);
  w->pristine = load_file (dir, "t.qcow2");
  if (w->shape->device_bytes)
    w->pristine = to_device (w->pristine, w->shape->device_bytes);
  if (w->shape->file_bytes)
    grow_file (w);
  write_content (w);
  if (w->shape->snapshot) {
    save_file (w->pristine, dir, "t.qcow2");
    assert_int_equal (shell (dir, "qemu-img snapshot -c one t.qcow2"), 0);
    simdisk_free (w->pristine);
    w->pristine = load_file (dir, "t.qcow2");
  }
}

void
world_init (struct world *w, const struct world_shape *shape)
{
  char dir[] = "/tmp/baton-world-XXXXXX";

  *w = (struct world) { .shape = shape };
  simdisk_opener_init (&w->opener);
  qemu_look_init (&w->qemu, "/");
  w->first = calloc (1, world_bytes (w));
  w->old = calloc (1, world_bytes (w));
  w->new = calloc (1, world_bytes (w));
  assert_true (w->first && w->old && w->new);
  assert_non_null (mkdtemp (dir));
  make_pristine (w, dir);
  memcpy (w->first, w->new, world_bytes (w));
  shell (dir, "rm -f t.qcow2 base.raw");
  rmdir (dir);
}

void
world_destroy (struct world *w)
{
  world_close (w);
  simdisk_free (w->disk);
  simdisk_free (w->pristine);
  simdisk_free (w->base);
  simdisk_opener_destroy (&w->opener);
  qemu_look_destroy (&w->qemu);
  free (w->first);
  free (w->old);
  free (w->new);
}

void
world_restart (struct world *w)
{
  world_close (w);
  simdisk_free (w->disk);
  w->disk = simdisk_kill (w->pristine);
  memcpy (w->new, w->first, world_bytes (w));
  world_settle (w);
}

void
world_open (struct world *w)
{
  const struct image_options options = {
    .opener = &w->opener.base, .backing = BACKING_ON,
    .metadata_cache_bytes = 1,
    .compress = w->shape->compress && w->disk != w->pristine,
  };
  struct error err = ERROR_INIT;

  if (image_open (open_io (w->disk), "t.qcow2", true, &options, &w->img,
                  &err) == -1 ||
      image_start_writing (w->img, &err) == -1)
    fail_msg ("%s", err.text);
}

void
world_close (struct world *w)
{
  image_close (w->img);
  w->img = NULL;
}

void
world_settle (struct world *w)
{
  memcpy (w->old, w->new, world_bytes (w));
}

/* Where byte POS of the windows is on the guest's disk. */
static uint64_t
guest_offset (const struct world *w, uint64_t pos)
{
  const uint64_t near = NEAR_UNITS * w->shape->unit_bytes;

  return pos < near ? pos : w->shape->far_offset + (pos - near);
}

int
world_step (struct world *w, const struct step *s, uint8_t salt,
            struct error *err)
{
  const uint64_t pos = s->from * w->shape->unit_bytes / 16;
  const uint64_t len = s->nr * w->shape->unit_bytes / 16;
  uint64_t i;

  switch (s->what) {
  case NOTHING:
    return 0;
  case WRITE:
    for (i = pos; i < pos + len; ++i)
      w->new[i] = (uint8_t) (salt * 37 + (i >> 6) + 1) & 0x7f;
    return image_write (w->img, w->new + pos, len, guest_offset (w, pos),
                        s->flags, err);
  case ZERO:
    memset (w->new + pos, 0, len);
    return image_zero (w->img, len, guest_offset (w, pos), s->flags, err);
  case FLUSH:
    return image_flush (w->img, err);
  case FINISH:
    return image_finish (w->img, err);
  }
  return -1;
}

void
world_read (struct world *w, uint8_t *buf, const char *when)
{
  const uint64_t near = NEAR_UNITS * w->shape->unit_bytes;
  struct error err = ERROR_INIT;

  if (image_read (w->img, buf, near, 0, &err) == -1 ||
      image_read (w->img, buf + near, world_bytes (w) - near,
                  w->shape->far_offset, &err) == -1)
    fail_msg ("%s: %s", when, err.text);
}

void
world_compare (struct world *w, bool mixed, const char *when)
{
  const uint64_t len = world_bytes (w);
  uint8_t *buf = malloc (len);
  uint64_t i;

  assert_non_null (buf);
  world_read (w, buf, when);
  if (memcmp (buf, w->new, len) != 0)
    for (i = 0; i < len; ++i)
      if (buf[i] != w->new[i] && !(mixed && buf[i] == w->old[i]))
        fail_msg ("%s: guest offset %" PRIu64 ": %02x, not %02x%s", when,
                  guest_offset (w, i), buf[i], w->new[i],
                  mixed ? " nor what was there before" : "");
  free (buf);
}

enum verdict
world_qemu_look (struct world *w, bool check)
{
  if (check)
    return qemu_look_check (&w->qemu, w->disk);
  return w->shape->snapshot ? qemu_look (&w->qemu, w->disk)
                            : qemu_look_past_leaks (&w->qemu, w->disk);
}
