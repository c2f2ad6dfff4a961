/** What kind of Azure record it is, and how the operation went, in words that are the same for every kind. */

import { atAnyCase, text } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import { categoryOf, find, operationOf } from './read.ts';
import { resourceOf } from './resource.ts';

const SIGN_INS = /signinlogs$/;
const ACTIVITY: ReadonlySet<string> = new Set([
  'administrative',
  'security',
  'servicehealth',
  'resourcehealth',
  'alert',
  'autoscale',
  'recommendation',
  'policy',
]);
/** Older exports name the activity log's categories by the operation. */
const OLD_ACTIVITY: ReadonlySet<string> = new Set(['action', 'write', 'delete']);
const AKS = /^(?:kube-|cluster-autoscaler|cloud-controller-manager|guard$|csi-)/;
const ENTRA = '/tenants/';

/** `azure.categorygroup`. */
export function categoryGroupOf(event: CloudEvent): string | undefined {
  const category = categoryOf(event)?.toLowerCase();
  if (category === undefined) return undefined;
  if (ACTIVITY.has(category)) return category;
  if (OLD_ACTIVITY.has(category)) return 'administrative';
  if (SIGN_INS.test(category)) return 'signin';
  if (category === 'auditlogs') return 'audit';
  if (category === 'riskyusers' || category === 'userriskevents') return 'identityprotection';
  return AKS.test(category) ? 'aks' : 'other';
}

/** `azure.source`. */
export function kindOf(event: CloudEvent): string {
  const group = categoryGroupOf(event);
  if (group === 'signin' || operationOf(event) === 'Sign-in activity') return 'entra.signin';
  const isOfTenant = text(find(event, 'resourceId'))?.toLowerCase().startsWith(ENTRA) === true;
  const activity = find(event, 'properties.activityDisplayName');
  if (group === 'audit' || group === 'identityprotection' || isOfTenant || activity !== undefined) return 'entra.audit';
  if (group === 'aks') return 'aks';
  return group === undefined || group === 'other' ? 'resource' : 'activity';
}

/** success, failure, started; undefined for any other word. */
function judged(word: string | undefined): string | undefined {
  if (word === undefined) return undefined;
  if (/^\d+$/.test(word)) {
    // HTTP codes have three digits; those of sign-ins have more, and 0 is success.
    const code = Number(word);
    if (code === 0 || (code >= 200 && code < 400)) return 'success';
    return code >= 100 && code < 200 ? undefined : 'failure';
  }
  if (/^(?:succe|ok\b)/i.test(word)) return 'success';
  if (/^(?:start|accept|inprogress|pending)/i.test(word)) return 'started';
  return /^(?:fail|error|timeout|denied|forbidden|unauthor|throttl|conflict|badrequest|notfound)/i.test(word)
    ? 'failure'
    : undefined;
}

const RESULTS = [
  'properties.status.errorCode',
  'properties.result',
  'resultType',
  'result',
  'resultSignature',
  'statusCode',
];

/** `azure.result`: success, failure, started or other; undefined where the record says nothing. */
export function resultOf(event: CloudEvent): string | undefined {
  const words = RESULTS.map((keys) => text(find(event, keys))).filter((word) => word !== undefined && word !== '');
  for (const word of words) {
    const found = judged(word);
    if (found !== undefined) return found;
  }
  return words.length === 0 ? undefined : 'other';
}

/** `azure.caller.type`. */
export function callerTypeOf(event: CloudEvent): string {
  const category = categoryOf(event)?.toLowerCase() ?? '';
  if (category.startsWith('managedidentity')) return 'managedidentity';
  if (category.startsWith('serviceprincipal')) return 'serviceprincipal';
  if (SIGN_INS.test(category)) return 'user';
  const principal = text(find(event, 'identity.authorization.evidence.principalType'))?.toLowerCase();
  if (principal === 'user' || principal === 'serviceprincipal') return principal;
  const initiator = find(event, 'properties.initiatedBy');
  if (atAnyCase(initiator, ['user']) !== undefined) return 'user';
  if (atAnyCase(initiator, ['app']) !== undefined) return 'app';
  const kind = text(find(event, 'identity.claims.idtyp'))?.toLowerCase();
  return kind === 'app' || kind === 'user' ? kind : 'unknown';
}

/** `azure.tenantid`. */
export function tenantOf(event: CloudEvent): string | undefined {
  return text(find(event, 'tenantId')) ?? resourceOf(event).tenant;
}

/** `azure.callerip`: without the port. */
export function callerAddressOf(event: CloudEvent): string | undefined {
  for (const keys of [
    'callerIpAddress',
    'properties.ipAddress',
    'properties.initiatedBy.user.ipAddress',
    'ipAddress',
  ]) {
    const found = text(find(event, keys));
    if (found === undefined || found === '') continue;
    return found.replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1').replace(/^\[([^\]]*)\](?::\d+)?$/, '$1');
  }
  return undefined;
}
