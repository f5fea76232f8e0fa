/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names found inside images: what they mean and which may be opened.
 *
 * In a directory of its own:
 *   dir/top.qcow2  dir/base  dir/sub/base  dir/a:b  dir/base-link -> base
 *   secret   dir/out-link -> ../secret   dir/sub-out -> ..
 *   here -> dir    dirty/base
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "backing-name.h"

struct place {
  char top[64];                 /* real path */
  char overlay[128];            /* TOP/dir/top.qcow2 */
};

static void
shell (const char *dir, const char *command)
{
  char line[512];

  snprintf (line, sizeof line, "cd %s && %s", dir, command);
  if (system (line) != 0)
    fail_msg ("failed: %s", line);
}

static int
setup (void **state)
{
  char dir[] = "/tmp/baton-names-XXXXXX";
  struct place *p = calloc (1, sizeof *p);
  char *real;

  assert_non_null (p);
  assert_non_null (mkdtemp (dir));
  real = realpath (dir, NULL);
  assert_non_null (real);
  snprintf (p->top, sizeof p->top, "%s", real);
  free (real);
  snprintf (p->overlay, sizeof p->overlay, "%s/dir/top.qcow2", p->top);
  shell (p->top, "mkdir -p dir/sub dirty && touch dir/top.qcow2 dir/base "
         "dir/sub/base dir/a:b secret dirty/base && ln -s base dir/base-link "
         "&& ln -s ../secret dir/out-link && ln -s .. dir/sub-out && "
         "ln -s dir here && ln -s gone dir/dangling && "
         "ln -s /dev/stdin dir/fd-link && ln -s loop dir/loop");
  *state = p;
  return 0;
}

static int
teardown (void **state)
{
  struct place *p = *state;

  shell ("/tmp", "true");
  if (strncmp (p->top, "/tmp/baton-names-", 17) == 0)
    shell (p->top, "rm -rf dir dirty here secret");
  rmdir (p->top);
  free (p);
  return 0;
}

/* NAME in OVERLAY means TOP/EXPECTED. */
static void
assert_means (const struct place *p, const char *overlay, const char *name,
              enum backing_policy policy, const char *expected)
{
  struct error err = ERROR_INIT;
  char path[256];
  char *got = NULL;

  if (backing_name_resolve (NAMED_BACKING, overlay, name, policy, &got,
                            &err) == -1)
    fail_msg ("%s: %s", name, err.text);
  snprintf (path, sizeof path, "%s%s%s", expected[0] == '/' ? "" : p->top,
            expected[0] == '/' ? "" : "/", expected);
  assert_string_equal (got, path);
  free (got);
}

static void
assert_refused (const struct place *p, const char *name,
                enum backing_policy policy, int errnum, const char *text)
{
  char *got = (char *) "untouched";
  struct error err = ERROR_INIT;

  assert_int_equal (backing_name_resolve (NAMED_BACKING, p->overlay, name,
                                          policy, &got, &err), -1);
  assert_int_equal (err.errnum, errnum);
  if (!strstr (err.text, text))
    fail_msg ("\"%s\" is not in \"%s\"", text, err.text);
  assert_string_equal (got, "untouched");
}

static void
test_same_dir (void **state)
{
  const struct place *p = *state;
  char absolute[128];

  assert_means (p, p->overlay, "base", BACKING_SAME_DIR, "dir/base");
  assert_means (p, p->overlay, "./base", BACKING_SAME_DIR, "dir/base");
  assert_means (p, p->overlay, "sub/base", BACKING_SAME_DIR, "dir/sub/base");
  assert_means (p, p->overlay, "sub/../base", BACKING_SAME_DIR, "dir/base");
  assert_means (p, p->overlay, "base-link", BACKING_SAME_DIR, "dir/base");
  assert_means (p, p->overlay, "../dir/base", BACKING_SAME_DIR, "dir/base");
  snprintf (absolute, sizeof absolute, "%s/dir/base", p->top);
  assert_means (p, p->overlay, absolute, BACKING_SAME_DIR, "dir/base");
  /* The directory itself may be reached by a link. */
  snprintf (absolute, sizeof absolute, "%s/here/top.qcow2", p->top);
  assert_means (p, absolute, "base", BACKING_SAME_DIR, "dir/base");
}

static void
test_leading_out (void **state)
{
  const struct place *p = *state;
  char absolute[128];

  assert_refused (p, "../secret", BACKING_SAME_DIR, EPERM, "secret");
  assert_refused (p, "out-link", BACKING_SAME_DIR, EPERM, "backing=on");
  assert_refused (p, "sub-out/secret", BACKING_SAME_DIR, EPERM, "secret");
  assert_refused (p, "sub/../../secret", BACKING_SAME_DIR, EPERM, "secret");
  assert_refused (p, "/etc/passwd", BACKING_SAME_DIR, EPERM, "/etc/passwd");
  /* "dir" is the beginning of "dirty", but not its parent. */
  assert_refused (p, "../dirty/base", BACKING_SAME_DIR, EPERM, "dirty");
  assert_refused (p, "..", BACKING_SAME_DIR, EPERM, "not in or below");
  assert_refused (p, ".", BACKING_SAME_DIR, EPERM, "not in or below");
  snprintf (absolute, sizeof absolute, "%s/secret", p->top);
  assert_refused (p, absolute, BACKING_SAME_DIR, EPERM, "secret");
}

static void
test_missing (void **state)
{
  const struct place *p = *state;

  assert_refused (p, "nothing", BACKING_SAME_DIR, ENOENT, "/nothing: No such "
                  "file or directory; put it back, or tell the image where it "
                  "is with qemu-img rebase -u -b FILE -F FORMAT");
  assert_refused (p, "dangling", BACKING_SAME_DIR, ENOENT, "dangling");
  assert_refused (p, "base/base", BACKING_SAME_DIR, ENOTDIR, "base/base");
}

static void
test_protocols (void **state)
{
  static const char *const names[] = {
    "nbd://host/export", "json:{\"driver\":\"raw\"}", "http://host/file",
    "file:", "file://host/base", "a:b", ":", "nbd:unix:/run/socket", "fat:rw:dir",
  };
  const struct place *p = *state;
  size_t i;

  for (i = 0; i < sizeof names / sizeof names[0]; ++i) {
    assert_refused (p, names[i], BACKING_SAME_DIR, ENOTSUP, names[i]);
    assert_refused (p, names[i], BACKING_ON, ENOTSUP, names[i]);
    assert_refused (p, names[i], BACKING_OFF, EPERM, "backing=off");
  }
  assert_means (p, p->overlay, "file:base", BACKING_SAME_DIR, "dir/base");
  assert_means (p, p->overlay, "file:a:b", BACKING_SAME_DIR, "dir/a:b");
  assert_means (p, p->overlay, "file:///etc/passwd", BACKING_ON,
                "///etc/passwd");
  assert_refused (p, "file:../secret", BACKING_SAME_DIR, EPERM, "secret");
  assert_refused (p, "file:///etc/passwd", BACKING_SAME_DIR, EPERM, "not in");
  /* After a slash a colon is a colon. */
  assert_means (p, p->overlay, "./a:b", BACKING_SAME_DIR, "dir/a:b");
}

/* Names that mean whatever some process has open, also by way of links. */
static void
test_open_files (void **state)
{
  const struct place *p = *state;

  assert_refused (p, "/proc/self/fd/0", BACKING_ON, EPERM, "open file");
  assert_refused (p, "/dev/fd/0", BACKING_ON, EPERM, "open file");
  assert_refused (p, "/dev/stdin", BACKING_ON, EPERM, "open file");
  assert_refused (p, "/proc/1/root/etc/passwd", BACKING_ON, EPERM, "open");
  assert_refused (p, "fd-link", BACKING_ON, EPERM, "open file");
  assert_refused (p, "file:fd-link", BACKING_SAME_DIR, EPERM, "open file");
  /* A loop of links leads nowhere: opening it says so. */
  assert_means (p, p->overlay, "loop", BACKING_ON, "dir/loop");
}

/* The same rules for data files, in their own words. */
static void
test_data_file (void **state)
{
  const struct place *p = *state;
  struct error err = ERROR_INIT;
  char *got;

  assert_int_equal (backing_name_resolve (NAMED_DATA, p->overlay, "../secret",
                                          BACKING_SAME_DIR, &got, &err), -1);
  assert_non_null (strstr (err.text, "names the data file"));
  assert_non_null (strstr (err.text, "data-file=on"));
  assert_int_equal (backing_name_resolve (NAMED_DATA, p->overlay, "nbd://x",
                                          BACKING_ON, &got, &err), -1);
  assert_non_null (strstr (err.text, "data-file=PATH"));
}

static void
test_off (void **state)
{
  const struct place *p = *state;

  assert_refused (p, "base", BACKING_OFF, EPERM, "backing=off");
  assert_refused (p, "/etc/passwd", BACKING_OFF, EPERM, "/etc/passwd");
}

static void
test_on (void **state)
{
  const struct place *p = *state;

  assert_means (p, p->overlay, "base", BACKING_ON, "dir/base");
  assert_means (p, p->overlay, "../secret", BACKING_ON, "dir/../secret");
  assert_means (p, p->overlay, "/etc/passwd", BACKING_ON, "/etc/passwd");
  assert_means (p, p->overlay, "nothing", BACKING_ON, "dir/nothing");
}

/* All is below the root; and a path that is said elsewhere than in the header
 * obeys the same policy. */
static void
test_root (void **state)
{
  const struct place *p = *state;
  struct error err = ERROR_INIT;
  char *got = NULL;

  assert_means (p, "/top.qcow2", "/etc/passwd", BACKING_SAME_DIR,
                "/etc/passwd");
  assert_int_equal (backing_path_resolve (NAMED_BACKING, p->overlay, "base",
                                          BACKING_OFF, &got, &err), -1);
  assert_int_equal (err.errnum, EPERM);
  assert_non_null (strstr (err.text, "backing=off forbids opening it"));
}

/* An overlay named without a directory is in the current one. */
static void
test_relative_overlay (void **state)
{
  const struct place *p = *state;
  char *before = getcwd (NULL, 0), *got = NULL;
  char dir[128];
  int r;

  assert_non_null (before);
  snprintf (dir, sizeof dir, "%s/dir", p->top);
  assert_int_equal (chdir (dir), 0);
  assert_means (p, "top.qcow2", "base", BACKING_SAME_DIR, "dir/base");
  assert_means (p, "sub/top.qcow2", "base", BACKING_SAME_DIR, "dir/sub/base");
  r = backing_name_resolve (NAMED_BACKING, "top.qcow2", "../secret",
                            BACKING_SAME_DIR, &got, NULL);
  assert_int_equal (r, -1);
  assert_int_equal (backing_name_resolve (NAMED_BACKING, "top.qcow2", "base",
                                          BACKING_ON, &got, NULL), 0);
  assert_string_equal (got, "base");
  free (got);
  assert_int_equal (chdir (before), 0);
  free (before);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_same_dir),
    cmocka_unit_test (test_leading_out),
    cmocka_unit_test (test_missing),
    cmocka_unit_test (test_protocols),
    cmocka_unit_test (test_open_files),
    cmocka_unit_test (test_data_file),
    cmocka_unit_test (test_off),
    cmocka_unit_test (test_on),
    cmocka_unit_test (test_root),
    cmocka_unit_test (test_relative_overlay),
  };

  return cmocka_run_group_tests (tests, setup, teardown);
}
