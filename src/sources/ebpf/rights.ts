/** What is not seen with fewer rights than the service is given: said at the start, for no error tells of it later. */

import { type Capability, capabilities, WITHOUT } from '../../../native/index.ts';
import type { Logger } from '../../core/log.ts';

/** Warns once of all rights that are missing. */
export function sayMissingRights(
  log: Pick<Logger, 'warn'>,
  held: Readonly<Record<Capability, boolean>> = capabilities(),
): void {
  // The programs run: where not even the right for that is known, there is no /proc to tell.
  if (!held.bpf && !held.sys_admin) return;
  const missing = Object.entries(WITHOUT).filter(([name]) => !held[name as Capability]);
  if (missing.length === 0) return;
  const said = missing.map(([name, without]) => `without CAP_${name.toUpperCase()} ${without}`);
  log.warn(`rights are missing: ${said.join(', ')}`);
}
