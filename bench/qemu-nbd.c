/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The same by stopping qemu-nbd and starting it again (bench.h): what a
 * script does without a hand-over.
 */

#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "qemu-nbd.h"

static pid_t
start_qemu_nbd (const struct programs *p, const char *sock,
                const char *image)
{
  const char *const words[] = {
    "qemu-nbd", "-t", "-e", "4", "-f", "qcow2", "-k", sock, image, NULL,
  };
  pid_t pid;

  unlink (sock);
  pid = bench_start (p, words);
  bench_await_socket (sock);
  return pid;
}

static struct nbd_handle *
connect_to (const char *sock)
{
  const uint64_t end_us = bench_now_us () + 20 * UINT64_C (1000000);
  struct nbd_handle *nbd;

  for (;;) {
    nbd = nbd_create ();
    if (nbd && nbd_connect_unix (nbd, sock) == 0)
      return nbd;
    if (bench_now_us () > end_us)
      bench_fail ("qemu-nbd: %s", nbd_get_error ());
    nbd_close (nbd);
    usleep (200);
  }
}

static uint64_t
read_once (struct nbd_handle *nbd)
{
  uint8_t buf[BENCH_REQUEST_BYTES];

  if (nbd_pread (nbd, buf, sizeof buf, 0, 0) == -1)
    bench_fail ("qemu-nbd: %s", nbd_get_error ());
  return bench_now_us ();
}

/* With the pair's client, at a server of its own. */
static void
make_dirty (const char *sock, uint64_t size_bytes, uint64_t us)
{
  struct pair both = { .programs = NULL };
  struct client *c;

  snprintf (both.sock[0], sizeof both.sock[0], "%s", sock);
  snprintf (both.sock[1], sizeof both.sock[1], "%s", sock);
  c = client_new (&both, size_bytes);
  client_work (c, 0, 16, true, bench_now_us () + us, UINT64_MAX / 2);
  client_free (c);
}

uint64_t
qemu_nbd_restart (const struct programs *p, const char *image,
                  uint64_t size_bytes, uint64_t dirty_us)
{
  struct nbd_handle *nbd;
  uint64_t last_us, first_us;
  char sock[300];
  pid_t pid;

  snprintf (sock, sizeof sock, "%s/qemu-nbd.sock", p->dir);
  pid = start_qemu_nbd (p, sock, image);
  nbd = connect_to (sock);
  if (dirty_us > 0)
    make_dirty (sock, size_bytes, dirty_us);
  last_us = read_once (nbd);
  kill (pid, SIGTERM);
  bench_wait (pid);
  nbd_close (nbd);
  pid = start_qemu_nbd (p, sock, image);
  nbd = connect_to (sock);
  first_us = read_once (nbd);
  nbd_close (nbd);
  kill (pid, SIGTERM);
  bench_wait (pid);
  return first_us - last_us;
}
