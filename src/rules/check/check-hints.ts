/** What to do about fields and constants that are not right. */

import type { Field } from '../../events/field.ts';
import type { TermType } from '../values/types.ts';
import { ipv4Instead } from './check-values.ts';

/** What is wrong with the argument of a field, or with its absence. */
export function argumentProblem(name: string, arg: string | undefined, field: Field): string {
  if (arg === undefined) return `field ${name} needs an argument: ${name}${field.dotted ? '.NAME' : '[…]'}`;
  if (field.argKind === undefined) return `field ${name} takes no argument in brackets`;
  return field.argKind === 'index'
    ? `field ${name} takes a number: ${name}[1]`
    : `'${arg}' is not an argument of field ${name}`;
}

/** How constants are written that a term is compared with. */
export function constantHint(left: TermType, text: string): string | undefined {
  switch (left.type) {
    case 'BOOL':
      return 'Write true or false, in lower case and without quotes.';
    case 'PORT':
      return 'Write a port number or the name of a service: https, ssh.';
    case 'IPADDR':
      if (text.includes('/')) return 'A network is compared with a field such as fd.net or fd.snet.';
      return ipv4Hint(text);
    case 'IPNET':
      return 'Write a network: 10.0.0.0/8, 2001:db8::/32.';
    default:
      return undefined;
  }
}

function ipv4Hint(text: string): string | undefined {
  const instead = ipv4Instead(text);
  return instead && `IPv4-mapped addresses are those of IPv4: write ${instead}`;
}
