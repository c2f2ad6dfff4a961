/** The name of this machine, as alerts and collectors know it. */

import { hostname } from 'node:os';

/** FALCO_HOSTNAME, as Falco has it, else what the system says. */
export function hostName(): string {
  return process.env.FALCO_HOSTNAME ?? hostname();
}
