/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What --uri may be (cli/migrate-uri.c).
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "migrate-uri.h"

#define NR(a) (sizeof (a) / sizeof (a)[0])

static void
test_accepted (void **state)
{
  static const char *const uris[] = {
    "tcp:host-b:4444", "tcp:192.0.2.5:1", "tcp:[2001:db8::1]:65535",
    "tcp:localhost:4444", "tcp:host-b:4444,ipv4=on",
    "unix:/run/vm1.incoming", "unix:relative",
    "vsock:3:4444", "vsock:4294967294:4294967295",
    "exec:nc host-b 4444", "fd:5", "rdma:host-b:4444",
  };
  size_t i;

  (void) state;
  for (i = 0; i < NR (uris); i++)
    if (migrate_uri_why_not (uris[i]) != NULL)
      fail_msg ("%s: %s", uris[i], migrate_uri_why_not (uris[i]));
}

/* Each answer contains WHAT. */
static void
check_refused (const char *const *uris, size_t nr, const char *what)
{
  size_t i;

  for (i = 0; i < nr; i++) {
    const char *why = migrate_uri_why_not (uris[i]);

    if (why == NULL || strstr (why, what) == NULL)
      fail_msg ("%s: %s", uris[i], why != NULL ? why : "accepted");
  }
}

static void
test_mistyped (void **state)
{
  static const char *const uris[] = {
    "", "host-b:4444", "tcp", "tcp:", "tcp:host-b", "tcp:host-b:",
    "tcp:host-b:port", "tcp:host-b:4444x", "tcp:host-b:4444:5", "tcp:host-b:0",
    "tcp:host-b:65536", "tcp:host-b:-1", "tcp:host-b: 1",
    "tcp:host-b:99999999999999999999999", "tcp://host-b:4444",
    "tcp:[2001:db8::1]", "tcp:[2001:db8::1]4444", "tcp:2001:db8::1:4444",
    "TCP:host-b:4444", "unix:", "vsock:", "vsock:3", "vsock:3:",
    "vsock:x:4444", "vsock:3:4444,x", "vsock:4294967296:1",
    "vsock:3:4294967296", "exec:", "fd:", "rdma:", "file:/tmp/x",
  };

  (void) state;
  check_refused (uris, NR (uris), "tcp:HOST:PORT, unix:PATH or "
                 "vsock:CID:PORT");
}

/* unix(7): with its NUL a path has 108 bytes. */
static void
test_long_path (void **state)
{
  char uri[5 + 108 + 1] = "unix:";
  const char *const refused[] = { uri };

  (void) state;
  memset (uri + 5, 'x', 107);
  assert_null (migrate_uri_why_not (uri));
  uri[5 + 107] = 'x';
  check_refused (refused, 1, "unix:PATH");
}

/* The source's QEMU would connect to its own host. */
static void
test_wildcard (void **state)
{
  static const char *const uris[] = {
    "tcp::4444", "tcp:0:4444", "tcp:0.0.0.0:4444", "tcp:[::]:4444",
    "vsock:4294967295:4444",
  };

  (void) state;
  check_refused (uris, NR (uris), "would connect to its own one");
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_accepted),
    cmocka_unit_test (test_mistyped),
    cmocka_unit_test (test_long_path),
    cmocka_unit_test (test_wildcard),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
