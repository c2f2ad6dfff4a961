/** The event source `k8s_audit`. */

import { member, nonEmptyText, text } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import type { CloudSource } from '../cloud/table.ts';
import { auditFields } from './fields.ts';

export const k8sAudit: CloudSource = {
  source: 'k8s_audit',
  plugin: 'k8saudit',
  fields: auditFields,
  // The id is that of the request, which is told of once a stage.
  tell(document) {
    const { auditID, stage, kind, verb } = document;
    if (kind !== undefined && kind !== 'Event')
      return `It is no audit event: its kind is ${text(kind) ?? typeof kind}.`;
    const type = nonEmptyText(verb);
    if (type === undefined) return 'It is no audit event: it has no verb.';
    const [id, of] = [nonEmptyText(auditID), text(stage)];
    return {
      times: [document.stageTimestamp, document.requestReceivedTimestamp, document.timestamp],
      type,
      id: id === undefined ? undefined : `${id}/${of ?? ''}`,
    };
  },
  info: lineOf,
};

/** `jane create pods/exec default/web 201`. */
function lineOf({ document }: CloudEvent): string {
  const { user, verb, objectRef: target, responseStatus, requestURI } = document;
  const named = (key: string) => text(member(target, key));
  const kind = [named('resource'), named('subresource')].filter((part) => part !== undefined).join('/');
  const name = [named('namespace'), named('name')].filter((part) => part !== undefined).join('/');
  const what = kind === '' ? text(requestURI) : `${kind}${name === '' ? '' : ` ${name}`}`;
  const parts = [text(member(user, 'username')), text(verb), what, text(member(responseStatus, 'code'))];
  return parts.filter((part) => part !== undefined).join(' ');
}
