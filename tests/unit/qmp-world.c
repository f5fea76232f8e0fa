/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A model of two QEMUs (qmp-world.h).
 */

#include <config.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "qmp-world.h"

/* -- what the VMs do --------------------------------------------------------- */

static bool
is (const struct qmp_vm *v, const char *state)
{
  return v->alive && v->state != NULL && strcmp (v->state, state) == 0;
}

static void
violate (struct qmp_world *w, const char *rule)
{
  if (w->violation == NULL)
    w->violation = rule;
}

static void
tell (struct qmp_vm *v, json_t *message)
{
  char *text = json_dumps (message, JSON_COMPACT);

  if (v->fd != -1 && !v->silent)
    dprintf (v->fd, "%s\r\n", text);
  free (text);
  json_decref (message);
}

/* An answer, which may take its time. */
static void
answer (const struct qmp_world *w, struct qmp_vm *v, json_t *message)
{
  if (w->nr_questions - w->slow_from < w->slow_for)
    usleep (w->slow_us);
  tell (v, message);
}

static void
set_migration (struct qmp_vm *v, const char *status)
{
  v->migration = status;
  tell (v, json_pack ("{s:s, s:{s:s}}", "event", "MIGRATION", "data",
                      "status", status));
}

static void
run_vm (struct qmp_world *w, struct qmp_vm *v)
{
  const struct qmp_vm *other = v == &w->src ? &w->dst : &w->src;

  if (is (other, "running"))
    violate (w, "it runs twice");
  if (!*v->has_image)
    violate (w, "it runs without its image");
  if (v == &w->src && w->dst_ran)
    violate (w, "it runs again");
  if (v == &w->dst)
    w->dst_ran = true;
  v->state = "running";
  tell (v, json_pack ("{s:s, s:{}}", "event", "RESUME", "data"));
}

static void
hang_up (int *fd)
{
  if (*fd != -1)
    close (*fd);
  *fd = -1;
}

static void
die (struct qmp_world *w, struct qmp_vm *v)
{
  if (!v->alive)
    return;
  v->alive = false;
  v->state = NULL;
  hang_up (&v->fd);
  hang_up (&v->listen_fd);
  unlink (v->path);
  /* A stream that ends early. */
  if (v == &w->src && is (&w->dst, "inmigrate") && w->dst.migration != NULL)
    die (w, &w->dst);
}

/* QEMU runs the source again by itself. */
static void
end_badly (struct qmp_world *w, const char *status)
{
  set_migration (&w->src, status);
  if (!is (&w->src, "running"))
    run_vm (w, &w->src);
  die (w, &w->dst);
}

static void
complete (struct qmp_world *w)
{
  if (!w->dst.alive) {
    end_badly (w, "failed");
    return;
  }
  w->src.state = "postmigrate";
  set_migration (&w->src, "completed");
  set_migration (&w->dst, "completed");
  if (w->dst.autostart)
    run_vm (w, &w->dst);
  else
    w->dst.state = "paused";
}

static void
stop_source (struct qmp_world *w)
{
  w->src.state = "finish-migrate";
  tell (&w->src, json_pack ("{s:s, s:{}}", "event", "STOP", "data"));
  if (w->pauses)
    set_migration (&w->src, "pre-switchover");
  else
    complete (w);
}

/* Memory has moved, when it was asked often enough. */
static void
take_look (struct qmp_world *w, const struct qmp_vm *v)
{
  if (v == &w->src && w->looks > 0 && --w->looks == 0)
    stop_source (w);
}

static void
migrate (struct qmp_world *w)
{
  w->dst.migration = "active";
  set_migration (&w->src, "active");
  if (w->looks == 0)
    stop_source (w);
}

/* -- commands ------------------------------------------------------------------ */

static bool
migration_is (const struct qmp_world *w, const char *status)
{
  return w->src.migration != NULL && strcmp (w->src.migration, status) == 0;
}

static void
set_capabilities (struct qmp_world *w, const struct qmp_vm *v,
                  const json_t *arguments)
{
  size_t i;
  json_t *c;

  json_array_foreach (json_object_get (arguments, "capabilities"), i, c) {
    const char *name = json_string_value (json_object_get (c, "capability"));
    const bool on = json_is_true (json_object_get (c, "state"));

    if (strcmp (name, "events") == 0)
      w->events[v == &w->dst] = on;
    else if (strcmp (name, "return-path") == 0 && v == &w->src)
      w->return_path = on;
    else if (v == &w->src)
      w->pauses = on;
  }
}

static json_t *
capabilities_json (const struct qmp_world *w, const struct qmp_vm *v)
{
  return json_pack ("[{s:s, s:b}, {s:s, s:b}, {s:s, s:b}, {s:s, s:b}]",
                    "capability", "xbzrle", "state", 0,
                    "capability", "events", "state", w->events[v == &w->dst],
                    "capability", "return-path", "state", w->return_path,
                    "capability", "pause-before-switchover", "state",
                    w->pauses);
}

static json_t *
migration_json (const struct qmp_world *w, const struct qmp_vm *v)
{
  if (v == &w->dst && v->migration == NULL)
    return json_pack ("{s:[{s:s, s:s}]}", "socket-address", "type", "unix",
                      "path", "/incoming");
  if (v->migration == NULL && w->blocked != NULL)
    return json_pack ("{s:[s]}", "blocked-reasons", w->blocked);
  if (v->migration == NULL)
    return json_object ();
  return json_pack ("{s:s, s:{s:i, s:i, s:i, s:f}}", "status", v->migration,
                    "ram", "transferred", 1000, "remaining",
                    w->remaining != 0 ? w->remaining : 1000000, "total",
                    2000000, "mbps", 1.0);
}

static const char one_disk[] =
  "[{\"device\": \"\", \"qdev\": \"/q\", \"inserted\": {\"ro\": false, "
  "\"file\": \"nbd+unix://?socket=/default\"}}]";

static json_t *
question (const struct qmp_world *w, const struct qmp_vm *v,
          const char *execute)
{
  if (strcmp (execute, "query-status") == 0)
    return json_pack ("{s:s}", "status", v->state);
  if (strcmp (execute, "query-migrate") == 0)
    return migration_json (w, v);
  if (strcmp (execute, "query-migrate-capabilities") == 0)
    return capabilities_json (w, v);
  if (strcmp (execute, "query-block") == 0)
    return json_loads (v->disks != NULL ? v->disks : one_disk, 0, NULL);
  return json_object ();
}

/* What follows its answer. */
static void
carry_out (struct qmp_world *w, struct qmp_vm *v, const char *execute,
           const json_t *arguments)
{
  if (strcmp (execute, "migrate-set-capabilities") == 0)
    set_capabilities (w, v, arguments);
  else if (strcmp (execute, "stop") == 0 && is (v, "inmigrate"))
    v->autostart = false;
  else if (strcmp (execute, "migrate") == 0 && is (v, "running"))
    migrate (w);
  else if (strcmp (execute, "query-migrate") == 0 &&
           migration_is (w, "active"))
    take_look (w, v);
  else if (strcmp (execute, "migrate-continue") == 0 &&
           migration_is (w, "pre-switchover"))
    complete (w);
  else if (strcmp (execute, "migrate_cancel") == 0 &&
           (migration_is (w, "active") || migration_is (w, "pre-switchover")))
    end_badly (w, "cancelled");
  else if (strcmp (execute, "cont") == 0 && !is (v, "inmigrate"))
    run_vm (w, v);
  else if (strcmp (execute, "quit") == 0)
    die (w, v);
}

static void
refuse (struct qmp_vm *v, const json_t *id)
{
  tell (v, json_pack ("{s:{s:s, s:s}, s:O}", "error", "class", "GenericError",
                      "desc", "no", "id", id));
}

/* False: it was all there is to say. */
static bool
go_wrong (struct qmp_world *w, struct qmp_vm *v, const char *execute,
          const json_t *message)
{
  snprintf (w->faulted, sizeof w->faulted, "%s", execute);
  switch (w->fate) {
  case QMP_REFUSED:
    refuse (v, json_object_get (message, "id"));
    return false;
  case QMP_DIES_AFTER:
    /* What it says gets lost too. */
    hang_up (&v->fd);
    carry_out (w, v, execute, json_object_get (message, "arguments"));
    die (w, v);
    return false;
  case QMP_DIES_BEFORE:
    die (w, v);
    return false;
  default:
    if (migration_is (w, "pre-switchover"))
      end_badly (w, "failed");
    return v->alive;
  }
}

/* Carried out all the same. */
static bool
is_lost (struct qmp_world *w, const char *execute)
{
  if (w->lost == NULL || strcmp (execute, w->lost) != 0)
    return false;
  w->lost = NULL;
  return true;
}

/* ... or speak again. */
static void
fall_silent (struct qmp_world *w, struct qmp_vm *v, const char *execute)
{
  if (v->silent && w->silent_for > 0 && --w->silent_for == 0)
    v->silent = false;
  if (w->silent_from == NULL || strcmp (execute, w->silent_from) != 0 ||
      w->silent_after-- > 0)
    return;
  w->silent_from = NULL;
  v->silent = true;
  if (w->silent_both)
    w->src.silent = w->dst.silent = true;
}

static void
take_message (struct qmp_world *w, struct qmp_vm *v, const json_t *message)
{
  const char *execute = json_string_value (json_object_get (message,
                                                            "execute"));

  if (w->is_heard != NULL && !w->is_heard (w->opaque)) {
    hang_up (&v->fd);
    return;
  }
  if (++w->nr_questions == w->fault_at && !go_wrong (w, v, execute, message))
    return;
  /* "Migration is not finalized yet" */
  if ((w->refused != NULL && strcmp (execute, w->refused) == 0) ||
      (strcmp (execute, "cont") == 0 && is (v, "finish-migrate"))) {
    refuse (v, json_object_get (message, "id"));
    return;
  }
  fall_silent (w, v, execute);
  if (v->silent && w->silent_deaf)
    return;
  if (!is_lost (w, execute))
    answer (w, v, json_pack ("{s:o, s:O}", "return", question (w, v, execute),
                             "id", json_object_get (message, "id")));
  carry_out (w, v, execute, json_object_get (message, "arguments"));
}

/* -- sockets ------------------------------------------------------------------- */

static void
take_in (struct qmp_world *w, struct qmp_vm *v)
{
  const ssize_t n = recv (v->fd, v->line + v->len, sizeof v->line - v->len,
                          0);
  char *end;

  if (n <= 0) {
    hang_up (&v->fd);
    return;
  }
  v->len += (size_t) n;
  /* Questions come one by one. */
  end = memchr (v->line, '\n', v->len);
  if (end != NULL) {
    json_t *message = json_loadb (v->line, (size_t) (end - v->line), 0, NULL);

    v->len = 0;
    take_message (w, v, message);
    json_decref (message);
  }
}

static void
take_client (struct qmp_vm *v)
{
  v->fd = accept (v->listen_fd, NULL, NULL);
  v->len = 0;
  tell (v, json_pack ("{s:{}}", "QMP"));
}

static void *
serve (void *opaque)
{
  struct qmp_world *w = opaque;
  struct qmp_vm *const vms[] = { &w->src, &w->dst };
  struct pollfd fds[3];
  size_t i;

  for (;;) {
    for (i = 0; i < 2; i++)
      fds[i] = (struct pollfd) {
        .fd = vms[i]->fd != -1 ? vms[i]->fd : vms[i]->listen_fd,
        .events = POLLIN,
      };
    fds[2] = (struct pollfd) { .fd = w->stop_fds[0], .events = POLLIN };
    if (poll (fds, 3, -1) == -1 || fds[2].revents != 0)
      return NULL;
    for (i = 0; i < 2; i++)
      if (fds[i].revents != 0 && fds[i].fd == vms[i]->fd)
        take_in (w, vms[i]);
      else if (fds[i].revents != 0 && fds[i].fd == vms[i]->listen_fd)
        take_client (vms[i]);
  }
}

static void
start_vm (struct qmp_vm *v, const char *dir, const char *name,
          const char *state, const bool *has_image)
{
  struct sockaddr_un addr = { .sun_family = AF_UNIX };

  *v = (struct qmp_vm) {
    .fd = -1, .alive = true, .autostart = true, .state = state,
    .has_image = has_image,
  };
  snprintf (v->path, sizeof v->path, "%s/%s", dir, name);
  snprintf (addr.sun_path, sizeof addr.sun_path, "%s", v->path);
  v->listen_fd = socket (AF_UNIX, SOCK_STREAM, 0);
  if (bind (v->listen_fd, (struct sockaddr *) &addr, sizeof addr) == -1 ||
      listen (v->listen_fd, 1) == -1)
    abort ();
}

void
qmp_world_start (struct qmp_world *w, const char *dir,
                 const bool *src_has_image, const bool *dst_has_image)
{
  start_vm (&w->src, dir, "src", "running", src_has_image);
  start_vm (&w->dst, dir, "dst", "inmigrate", dst_has_image);
  w->src.migration = w->before;
  if (pipe (w->stop_fds) == -1 ||
      pthread_create (&w->thread, NULL, serve, w) != 0)
    abort ();
}

void
qmp_world_stop (struct qmp_world *w)
{
  close (w->stop_fds[1]);
  pthread_join (w->thread, NULL);
  close (w->stop_fds[0]);
  hang_up (&w->src.fd);
  hang_up (&w->dst.fd);
  hang_up (&w->src.listen_fd);
  hang_up (&w->dst.listen_fd);
  unlink (w->src.path);
  unlink (w->dst.path);
}
