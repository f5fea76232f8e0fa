/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A migration between a model of two QEMUs (qmp-world.h) and one of two
 * servers (cli-world.h): what the tests of cli/migrate-*.c share.
 */

#ifndef BATON_MIGRATE_SCENE_H
#define BATON_MIGRATE_SCENE_H

#include "cli-choices.h"
#include "cli-world.h"
#include "migrate-run.h"
#include "qmp-world.h"

struct scene {
  struct world servers;
  struct qmp_world qemus;
  struct peer *src, *dst;
  struct migrate m;
};

/* What main does with TESTS. */
#define scene_main(tests) \
  scene_end (scene_begin () ? cmocka_run_group_tests (tests, NULL, NULL) : 99)
/* Makes the directory where the monitors are, and removes it. */
bool scene_begin (void);
int scene_end (int status);

/* What goes wrong with the servers: C, and with the QEMUs: s->qemus, from
 * before. */
void scene_set_up (struct scene *s, struct choices *c);
void scene_tear_down (struct scene *s);
/* As scene_set_up has left s->m, and the rest as it is by now. */
void scene_again (struct scene *s);

bool scene_runs (const struct qmp_vm *v);
/* The whole migration; afterwards the QEMUs may be looked at.  With scene_check. */
void scene_migrate (struct scene *s);
/* What must be so, whatever went wrong. */
void scene_check (const struct scene *s);

#endif /* BATON_MIGRATE_SCENE_H */
