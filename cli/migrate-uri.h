/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a migration comes in, as --uri has it.
 */

#ifndef BATON_MIGRATE_URI_H
#define BATON_MIGRATE_URI_H

/* NULL: it may be given to both QEMUs.  Else the reason, or what it should
 * look like. */
const char *migrate_uri_why_not (const char *uri);

#endif /* BATON_MIGRATE_URI_H */
