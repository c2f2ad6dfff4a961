/** What parts of a plan claim for themselves, and what two of them cannot both have. */

import { type Claim, STDOUT } from '../../core/claim.ts';
import { type Diagnostic, type Place, placeText } from '../../core/errors.ts';
import type { Plan } from './planned.ts';

interface Claimed extends Claim {
  /** The component that claims it; undefined: the program itself. */
  readonly id: string | undefined;
  /** Where it says so: a place in a file, or an option. */
  readonly at: Place | string;
}

export class Claims {
  readonly #all: Claimed[] = [];
  readonly #stdout: string | undefined;

  /** @param stdout what the standard output is where the pipeline runs, as a resource; undefined: all may write to it */
  constructor(stdout: string | undefined) {
    this.#stdout = stdout;
  }

  add(id: string | undefined, claims: readonly Claim[], at: Place | string): void {
    for (const claim of claims) {
      const resource = claim.resource === STDOUT ? this.#stdout : claim.resource;
      if (resource !== undefined) this.#all.push({ ...claim, resource, id, at });
    }
  }

  /**
   * An error for each that claims what another has claimed before it; whoever claims a thing twice has it once. What a plan
   * does not open claims nothing.
   */
  collisions({ sources, operators, sinks }: Pick<Plan, 'sources' | 'operators' | 'sinks'>): Diagnostic[] {
    const open = new Set([...sources, ...operators, ...sinks].map(({ id }) => id));
    const taken = new Map<string, Claimed>();
    const found = new Map<string | undefined, Diagnostic>();
    for (const claim of this.#all) {
      if (claim.id !== undefined && !open.has(claim.id)) continue;
      const before = taken.get(claim.resource);
      if (!before || (before.id === claim.id && !claim.shared)) taken.set(claim.resource, claim);
      else if (collide(before, claim) && !found.has(claim.id)) found.set(claim.id, collision(claim, before));
    }
    return [...found.values()];
  }
}

function collide(a: Claimed, b: Claimed): boolean {
  return a.id !== b.id && !(a.shared && a.shared === b.shared);
}

function collision(claim: Claimed, before: Claimed): Diagnostic {
  return {
    severity: 'error',
    code: 'CONFIG_TAKEN',
    message: `${said(claim)}, which is taken`,
    ...(typeof claim.at === 'string' ? {} : { at: claim.at }),
    via: [`${said(before)}: ${typeof before.at === 'string' ? before.at : placeText(before.at)}`],
    hint: claim.advice ?? before.advice ?? 'Each needs its own.',
  };
}

function said({ id = 'the program itself', does }: Claimed): string {
  return `${id} ${does}`;
}
