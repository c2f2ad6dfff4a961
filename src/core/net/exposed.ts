/** Secrets that would cross a network in the clear: what is said of them, whoever sends or awaits them. */

import type { PlanContext } from '../component.ts';
import { isLoopback } from './address.ts';

export interface Exposed {
  readonly message: string;
  readonly hint: string;
}

/** The same protocol with TLS. */
const SECURED: Readonly<Record<string, string>> = { 'http:': 'https://', 'ws:': 'wss://' };

/**
 * That something (`The token crosses`) goes in the clear to an address; undefined where that has TLS, or is this machine. The
 * address is not repeated: it may be a secret.
 */
export function exposedAt(url: string, what: string): Exposed | undefined {
  const { protocol = '', hostname = '' } = URL.parse(url) ?? {};
  const secured = SECURED[protocol];
  if (!secured || isLoopback(hostname)) return undefined;
  return { message: `${what} the network in the clear`, hint: `Use ${secured}.` };
}

/** Warns of it, at a key of the component. */
export function warnOfExposed(exposed: Exposed | undefined, plan: PlanContext, path: readonly string[]): void {
  if (exposed) plan.report({ severity: 'warning', code: 'PLAIN_TOKEN', ...exposed }, path);
}
