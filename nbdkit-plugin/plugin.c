/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The plugin as nbdkit sees it: what it can do, and when it starts and stops.
 *
 * nbdkit asks what a connection can do once, when the connection opens, and
 * keeps the answers; so they must hold in every state.  A server that is
 * inactive says "writable", and refuses or holds.
 *
 * .close, .cleanup and .unload may never run: nothing depends on them.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "compressed.h"
#include "data.h"
#include "hold.h"
#include "parameters.h"
#include "qcow2-format.h"
#include "server.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

#define MIN_PREFERRED_BLOCK 4096u

/* -- start and end --------------------------------------------------- */

static int
plugin_config (const char *key, const char *value)
{
  return parameters_set (&server.parameters, key, value);
}

static int
plugin_config_complete (void)
{
  return parameters_complete (&server.parameters);
}

static void
plugin_unload (void)
{
  client_stop ();
  server_stop ();
  parameters_free (&server.parameters);
}

static void
plugin_dump (void)
{
  printf ("qcow2_zlib=%s\n",
          compressed_supported (QCOW2_COMPRESSION_ZLIB) ? "yes" : "no");
  printf ("qcow2_zstd=%s\n",
          compressed_supported (QCOW2_COMPRESSION_ZSTD) ? "yes" : "no");
  printf ("qcow2_versions=2 3\n");
  printf ("qcow2_features=backing compressed-read compressed-write "
          "data-file handoff luks\n");
  printf ("qcow2_parameters=");
  parameters_dump ();
  printf ("\n");
}

/* -- a connection ---------------------------------------------------- */

static void *
plugin_open (int readonly)
{
  (void) readonly;
  handoff_connect (server.handoff);
  return hold_open ();
}

/* It may come after the end, or never: then nobody counts any more. */
static void
plugin_close (void *handle)
{
  hold_close (handle);
  if (server.handoff)
    handoff_disconnect (server.handoff);
}

static int64_t
plugin_get_size (void *handle)
{
  (void) handle;
  return (int64_t) handoff_size (server.handoff);
}

static const char *
plugin_export_description (void *handle)
{
  const char *slash = strrchr (server.parameters.file, '/');

  (void) handle;
  /* The directory is the host's business. */
  return nbdkit_printf_intern ("qcow2 image %s", slash + 1);
}

/* Preferred is what costs no read-modify-write: a cluster, which the format
 * keeps below the 32 MiB that the NBD specification allows. */
static int
plugin_block_size (void *handle, uint32_t *minimum, uint32_t *preferred,
                   uint32_t *maximum)
{
  struct handoff_status s;

  (void) handle;
  handoff_get_status (server.handoff, &s);
  *minimum = 1;
  *preferred = s.cluster_size;
  if (*preferred < MIN_PREFERRED_BLOCK)
    *preferred = MIN_PREFERRED_BLOCK;
  *maximum = UINT32_MAX;
  return 0;
}

static int
plugin_can_write (void *handle)
{
  (void) handle;
  return !server.read_only;
}

static int
plugin_yes (void *handle)
{
  (void) handle;
  return 1;
}

static int
plugin_can_fua (void *handle)
{
  (void) handle;
  return NBDKIT_FUA_NATIVE;
}

static int
plugin_can_cache (void *handle)
{
  (void) handle;
  return NBDKIT_CACHE_NATIVE;
}

static struct nbdkit_plugin plugin = {
  .name = "qcow2",
  .longname = "nbdkit qcow2 plugin",
  .version = PACKAGE_VERSION,
  .description = "Serve a qcow2 image that can be handed over to another "
                 "server under a running client",
  .magic_config_key = "file",
  .config_help = parameters_help,
  .config = plugin_config,
  .config_complete = plugin_config_complete,
  .dump_plugin = plugin_dump,
  .get_ready = server_start,
  .after_fork = server_listen,
  .cleanup = server_release,
  .unload = plugin_unload,

  .open = plugin_open,
  .close = plugin_close,
  .get_size = plugin_get_size,
  .export_description = plugin_export_description,
  .block_size = plugin_block_size,
  .can_write = plugin_can_write,
  .can_flush = plugin_yes,
  .can_trim = plugin_yes,
  .can_zero = plugin_yes,
  .can_fast_zero = plugin_yes,
  .can_fua = plugin_can_fua,
  .can_multi_conn = plugin_yes,
  .can_extents = plugin_yes,
  .can_cache = plugin_can_cache,

  .pread = data_pread,
  .pwrite = data_pwrite,
  .zero = data_zero,
  .trim = data_trim,
  .flush = data_flush,
  .extents = data_extents,
  .cache = data_cache,

  .errno_is_preserved = 1,
};

struct nbdkit_plugin *plugin_init (void);
NBDKIT_REGISTER_PLUGIN (plugin)
