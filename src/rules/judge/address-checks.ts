/** Checks of addresses: where a form reads those of IPv4 as numbers they are compared so, and no text is made of them. */

import type { Event, Form, Reader } from '../../events/field.ts';
import type { TypedCheck } from '../check/typed-ast.ts';
import type { Constant } from '../values/constants.ts';
import { parseIpv4 } from '../values/ip.ts';

/** A check whose constants are what `read` gives. */
export interface AddressCheck<E extends Event> {
  readonly check: TypedCheck;
  readonly read: Reader<E>;
}

/** Undefined where texts are compared: the form has no numbers of the field, or it is compared with another field. */
export function addressCheck<E extends Event>(check: TypedCheck, form: Form<E>): AddressCheck<E> | undefined {
  const { left, right } = check;
  if (left.kind !== 'field' || (right !== undefined && right.kind !== 'feed')) return undefined;
  const read = form.addressReader?.(left.ref);
  return read && { check: withNumbers(check), read };
}

// A check is compiled once for each event type: what is made of its constants is made once for all.
const made = new WeakMap<TypedCheck, TypedCheck>();

function withNumbers(check: TypedCheck): TypedCheck {
  let found = made.get(check);
  if (found === undefined) {
    const { constants, right } = check;
    found = {
      ...check,
      ...(constants === undefined ? {} : { constants: constants.map(numberOf) }),
      ...(right?.kind === 'feed' ? { right: { ...right, constants: right.constants.map(numberOf) } } : {}),
    };
    made.set(check, found);
  }
  return found;
}

/** Of an IPv4 address its number; IPv6 addresses and networks stay as they are. */
function numberOf(constant: Constant): Constant {
  return (typeof constant === 'string' ? parseIpv4(constant) : undefined) ?? constant;
}
