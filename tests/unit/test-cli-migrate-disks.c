/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Disks and pairs (cli/migrate-disks.c, cli/vm-disks.c): `baton migrate` begins
 * nothing where a disk has no pair, or a pair no disk.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrate-scene.h"

#define DISK(name, file, bytes)                                               \
  "{\"device\": \"\", \"qdev\": \"/q\", \"inserted\": {\"ro\": false, "           \
  "\"drv\": \"nbd\", \"node-name\": \"" name "\", \"file\": \"" file "\", "     \
  "\"image\": {\"virtual-size\": " #bytes "}}}"
#define ONE DISK ("one", "nbd+unix://?socket=/data/one", 1048576)

enum { DISKS = 1, IMAGES = 2 };

/* With one pair, of an image of 1 MiB whose server listens at LISTENS.  WHY
 * not; NULL: it is done. */
static void
migrate_with_disks (const char *disks, const char *listens, unsigned allow,
                    const char *why, size_t nr_warnings)
{
  const enum migrate_result result = why == NULL ? MIGRATE_DONE
                                                 : MIGRATE_NOT_STARTED;
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = 0 } };

  scene_set_up (&s, &c);
  s.qemus.src.disks = disks;
  s.servers.src.listens = listens;
  s.m.allow_other_disks = allow & DISKS;
  s.m.allow_other_images = allow & IMAGES;
  migrate_run (&s.m);
  qmp_world_stop (&s.qemus);
  if (s.m.result != result ||
      json_array_size (s.m.warnings) != nr_warnings)
    fail_msg ("%s: %d, %zu warnings, %s", disks, (int) s.m.result,
              json_array_size (s.m.warnings), s.m.why);
  scene_check (&s);
  if (why != NULL) {
    assert_string_equal (s.m.where, s.qemus.src.path);
    assert_non_null (strstr (s.m.why, why));
    assert_false (s.qemus.pauses);
  }
  scene_tear_down (&s);
}

/* Where the data socket is known, and where it is not. */
static void
test_disk_is_the_pairs (void **state)
{
  static const char *const files[] = {
    "nbd+unix://?socket=/data/one", "nbd+unix:///name?socket=/data/one",
    "nbd:unix:/data/one:exportname=name",
    "json:{\\\"driver\\\": \\\"raw\\\", \\\"file\\\": {\\\"driver\\\": "
    "\\\"nbd\\\", \\\"server\\\": {\\\"path\\\": \\\"/data/one\\\"}}}",
    "json:{\\\"driver\\\": \\\"nbd\\\", "
    "\\\"server.path\\\": \\\"/data/one\\\"}",
  };
  static const char *const tcp[] = {
    "nbd://h:10810", "nbd://h:10810/name", "nbd:h:10810",
    "nbds://h:10810", "nbd://127.0.0.1:10810", "nbd://[::1]:10810",
  };
  char disks[512];
  size_t i;

  (void) state;
  for (i = 0; i < sizeof files / sizeof files[0]; i++) {
    snprintf (disks, sizeof disks, "[" DISK ("one", "%s", 1048576) "]",
              files[i]);
    migrate_with_disks (disks, "unix:/data/one", 0, NULL, 0);
    migrate_with_disks (disks, "unix:/data/other", 0, NULL, 1);
    migrate_with_disks (disks, NULL, 0, NULL, 1);
  }
  for (i = 0; i < sizeof tcp / sizeof tcp[0]; i++) {
    snprintf (disks, sizeof disks, "[" DISK ("one", "%s", 1048576) "]",
              tcp[i]);
    migrate_with_disks (disks, "tcp:0.0.0.0:10810", 0, NULL, 0);
    migrate_with_disks (disks, "tcp:0.0.0.0:10811", 0, NULL, 1);
    /* Its host's name leads to no loopback, and that to no other address. */
    migrate_with_disks (disks, i < 4 ? "tcp:127.0.0.1:10810"
                                     : "tcp:192.0.2.5:10810",
                        0, NULL, 1);
  }
}

#define LEFT_OUT "no pair is of: two (host-a:10809)"

static void
test_disk_is_left_out (void **state)
{
  static const char more[] =
    "[" ONE ", " DISK ("two", "nbd://host-a:10809", 1048576) "]";
  static const char larger[] =
    "[" DISK ("two", "nbd://host-a:10809", 2097152) "]";

  (void) state;
  migrate_with_disks (more, "unix:/data/one", 0, LEFT_OUT, 0);
  migrate_with_disks (more, NULL, 0, LEFT_OUT, 0);
  migrate_with_disks (larger, NULL, 0, LEFT_OUT, 0);
  migrate_with_disks (more, "unix:/data/one", IMAGES, LEFT_OUT, 0);
  migrate_with_disks (more, "unix:/data/one", DISKS, NULL, 1);
  /* Mistyped: the disk and the pair are not each other's. */
  migrate_with_disks (larger, NULL, 0, "(and it has none that can be of one", 0);
  migrate_with_disks (larger, NULL, DISKS, "no NBD disk that can be of /a,", 1);
  migrate_with_disks (larger, NULL, DISKS | IMAGES, NULL, 2);
}

/* Read-only, of no device, no NBD, the same one twice. */
static void
test_disk_does_not_count (void **state)
{
  (void) state;
  migrate_with_disks ("[" ONE ", {\"qdev\": \"/q\", \"inserted\": {\"ro\": "
                      "true, \"file\": \"nbd://h:1\"}}]", "unix:/data/one",
                      0, NULL, 0);
  migrate_with_disks ("[" ONE ", {\"inserted\": {\"ro\": 0, \"file\": "
                      "\"nbd://h:1\"}}, {\"qdev\": \"/cd\"}]",
                      "unix:/data/one", false, NULL, 0);
  migrate_with_disks ("[" ONE ", {\"qdev\": \"/q\", \"inserted\": {\"ro\": "
                      "0, \"file\": \"/shared/raw\"}}]",
                      "unix:/data/one", false, NULL, 0);
  migrate_with_disks ("[" ONE ", " ONE "]", "unix:/data/one", 0, NULL, 0);
}

#define READ_ONLY(file)                                                        \
  "{\"device\": \"x\", \"inserted\": {\"ro\": true, \"file\": \"" file "\"}}"
#define OTHERS "no NBD disk that can be of /a,"

/* It may be another VM's. */
static void
test_pair_of_no_disk (void **state)
{
  static const char *const none[] = {
    "[]", "[{\"qdev\": \"/cd\"}]",
    "[{\"qdev\": \"/q\", \"inserted\": {\"ro\": false, \"file\": \"/raw\"}}]",
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof none / sizeof none[0]; i++) {
    migrate_with_disks (none[i], "unix:/data/one", 0, OTHERS, 0);
    migrate_with_disks (none[i], "unix:/data/one", DISKS, OTHERS, 0);
    migrate_with_disks (none[i], "unix:/data/one", IMAGES, NULL, 1);
  }
  /* Of one that is read-only it may be; but rather of one that is not. */
  migrate_with_disks ("[" READ_ONLY ("nbd://h:1") "]", NULL, 0, NULL, 0);
  migrate_with_disks ("[" READ_ONLY ("nbd+unix://?socket=/data/one") ", "
                      DISK ("two", "nbd://host-a:10809", 1048576) "]",
                      NULL, 0, NULL, 1);
  migrate_with_disks ("[" READ_ONLY ("nbd+unix://?socket=/data/one") ", "
                      DISK ("two", "nbd://host-a:10809", 1048576) "]",
                      "unix:/data/one", 0, LEFT_OUT, 0);
  /* Twice at one address is one, that must have its pair. */
  migrate_with_disks ("[" READ_ONLY ("nbd+unix://?socket=/data/one") ", " ONE
                      ", " DISK ("two", "nbd://host-a:10809", 1048576) "]",
                      "unix:/data/other", 0, LEFT_OUT, 0);
}

/* Then there is nothing to be compared with. */
static void
test_disks_are_not_known (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .refused = "query-block" } };

  (void) state;
  scene_set_up (&s, &c);
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  assert_int_equal (json_array_size (s.m.warnings), 2);
  scene_tear_down (&s);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_disk_is_the_pairs),
    cmocka_unit_test (test_disk_is_left_out),
    cmocka_unit_test (test_disk_does_not_count),
    cmocka_unit_test (test_pair_of_no_disk),
    cmocka_unit_test (test_disks_are_not_known),
  };

  return scene_main (tests);
}
