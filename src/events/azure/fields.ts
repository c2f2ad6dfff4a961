/** The fields of Azure records; all ours, since Falco has none (spec/cloud-sources.md §2.4). */

import { atAnyCase, count, items, list, memberAnyCase, pointerKeys, text, textOrJson } from '../cloud/document.ts';
import type { CloudEvent } from '../cloud/event.ts';
import {
  byKey,
  type CloudField,
  type CloudFieldRow,
  chosen,
  defineCloudFields,
  fromOrigin,
  indexOf,
  listed,
  type MakeReader,
  plain,
} from '../cloud/table.ts';
import { readJson } from '../exact-json.ts';
import { callerAddressOf, callerTypeOf, categoryGroupOf, kindOf, resultOf, tenantOf } from './outcome.ts';
import { categoryOf, claimOf, find, first, firstOf, lower, operationOf } from './read.ts';
import { type Resource, resourceOf } from './resource.ts';

const ofResource = (key: keyof Resource) => plain((event) => resourceOf(event)[key]);
const resourceId = first('resourceId');
const property = (...names: string[]) => firstOf(...names.map((name) => `properties.${name}`));

function providerOf(event: CloudEvent): string | undefined {
  const name = operationOf(event)?.toLowerCase();
  return name?.includes('/') ? name.slice(0, name.indexOf('/')) : undefined;
}

function actionOf(event: CloudEvent): string | undefined {
  const name = operationOf(event)?.toLowerCase();
  return name?.includes('/') ? name.slice(name.lastIndexOf('/') + 1) : undefined;
}

const otherCaller = first(
  'identity.claims.name',
  'identity.claims.appid',
  'properties.userPrincipalName',
  'properties.servicePrincipalName',
  'properties.initiatedBy.user.userPrincipalName',
  'properties.initiatedBy.app.displayName',
  'identity',
);

const otherObjectId = first(
  'properties.userId',
  'properties.servicePrincipalId',
  'properties.initiatedBy.user.id',
  'properties.initiatedBy.app.servicePrincipalId',
);

const propertyAt: MakeReader = (key = '') => {
  const keys = pointerKeys(key) ?? [key];
  return ({ document }) => textOrJson(atAnyCase(memberAnyCase(document, 'properties'), keys));
};

const requestBody = plain((event) => textOrJson(find(event, 'properties.requestBody')));

function errorCodeOf(event: CloudEvent): number | bigint | undefined {
  const code = find(event, 'properties.status.errorCode') ?? find(event, 'resultType');
  return typeof code === 'string' ? (/^\d{1,15}$/.test(code) ? Number(code) : undefined) : count(code);
}

/** An array, or the text of one. */
function arrayOf(value: unknown): readonly unknown[] {
  return typeof value === 'string' && value.startsWith('[') ? items(readJson(value)) : items(value);
}

const risks = plain((event) => {
  const newer = arrayOf(find(event, 'properties.riskEventTypes_v2'));
  return list((newer.length > 0 ? newer : arrayOf(find(event, 'properties.riskEventTypes'))).map(text));
});

const targets =
  (of: (target: unknown) => string | undefined): MakeReader =>
  (arg) =>
  (event) =>
    list(chosen(items(find(event, 'properties.targetResources')), indexOf(arg)).map(of));

const key = (value: unknown, name: string) => text(memberAnyCase(value, name));

const modifications = (event: CloudEvent): readonly unknown[] =>
  items(find(event, 'properties.targetResources')).flatMap((target) =>
    items(memberAnyCase(target, 'modifiedProperties')),
  );

/** A value of a changed property: Entra writes it as JSON, texts in quotes. */
const modified =
  (which: 'newValue' | 'oldValue'): MakeReader =>
  (name = '') =>
  (event) => {
    const change = modifications(event).find((each) => key(each, 'displayName') === name);
    const value = memberAnyCase(change, which);
    const unquoted = typeof value === 'string' && value.startsWith('"') ? readJson(value) : undefined;
    return typeof unquoted === 'string' ? unquoted : textOrJson(value);
  };

const detail: MakeReader =
  (name = '') =>
  (event) =>
    key(
      items(find(event, 'properties.additionalDetails')).find((each) => key(each, 'key') === name),
      'value',
    );

const general: readonly CloudFieldRow[] = [
  [
    'azure.source',
    'CHARBUF',
    'What log it is of: `activity`, `entra.signin`, `entra.audit`, `aks`, `resource`.',
    plain(kindOf),
  ],
  ['azure.id', 'CHARBUF', 'What tells the record apart.', plain(({ id }) => id)],
  [
    'azure.time',
    'CHARBUF',
    'When it happened, as it is written.',
    firstOf('time', 'properties.createdDateTime', 'properties.activityDateTime', 'properties.eventTimestamp'),
  ],
  ['azure.category', 'CHARBUF', 'The category of the log, as it is written.', plain(categoryOf)],
  [
    'azure.categorygroup',
    'CHARBUF',
    'The class of the category: `administrative`, `policy`, `signin`, `audit`, `aks`, `other`, …',
    plain(categoryGroupOf),
  ],
  ['azure.operation', 'CHARBUF', 'The operation, as it is written.', plain(operationOf)],
  ['azure.operation.lc', 'CHARBUF', 'The operation in lower case: Azure sends names in any case.', lower(operationOf)],
  ['azure.operation.provider', 'CHARBUF', 'The first part of the operation: `microsoft.storage`.', plain(providerOf)],
  [
    'azure.operation.action',
    'CHARBUF',
    'The last part of the operation: `write`, `delete`, `action`.',
    plain(actionOf),
  ],
  ['azure.result', 'CHARBUF', 'How it went: `success`, `failure`, `started` or `other`.', plain(resultOf)],
  ['azure.resulttype', 'CHARBUF', 'The type of the result, as it is written.', firstOf('resultType')],
  ['azure.resultsignature', 'CHARBUF', 'The signature of the result.', firstOf('resultSignature')],
  ['azure.resultdescription', 'CHARBUF', 'The result as a sentence.', firstOf('resultDescription')],
  ['azure.level', 'CHARBUF', 'The level: `Informational`, `4`.', firstOf('level')],
  ['azure.correlationid', 'CHARBUF', 'The id that records of one operation share.', firstOf('correlationId')],
  ['azure.tenantid', 'CHARBUF', 'The tenant.', plain(tenantOf)],
  ['azure.subscriptionid', 'CHARBUF', 'The subscription, in lower case.', ofResource('subscription')],
  ['azure.resourceid', 'CHARBUF', 'The resource, as it is written.', firstOf('resourceId')],
  ['azure.resourceid.lc', 'CHARBUF', 'The resource in lower case.', lower(resourceId)],
  ['azure.resourcegroup', 'CHARBUF', 'The resource group, in lower case.', ofResource('group')],
  ['azure.resource.provider', 'CHARBUF', 'The provider of the resource: `microsoft.storage`.', ofResource('provider')],
  [
    'azure.resource.type',
    'CHARBUF',
    'The type of the resource: `microsoft.storage/storageaccounts`.',
    ofResource('type'),
  ],
  ['azure.resource.name', 'CHARBUF', 'The last part of the resource.', ofResource('name')],
  ['azure.location', 'CHARBUF', 'The location.', firstOf('location')],
  ['azure.request.body', 'CHARBUF', 'The body of the request.', requestBody],
  [
    'azure.useragent',
    'CHARBUF',
    'The program that called.',
    firstOf('properties.userAgent', 'properties.userAgentHeader', 'userAgent'),
  ],
  [
    'azure.prop',
    'CHARBUF',
    'A property by its name or JSON pointer; objects and arrays as compact JSON.',
    propertyAt,
    byKey,
  ],
  ['azure.aks.pod', 'CHARBUF', 'The pod of the control plane that wrote a record of AKS.', property('pod')],
];

const callers: readonly CloudFieldRow[] = [
  ['azure.callerip', 'CHARBUF', 'The address of who called, without the port.', plain(callerAddressOf)],
  [
    'azure.caller',
    'CHARBUF',
    'Who called: the name of a user or an app.',
    plain((event) => claimOf(event, 'upn') ?? claimOf(event, 'emailaddress') ?? otherCaller(event)),
  ],
  [
    'azure.caller.objectid',
    'CHARBUF',
    'The object id of who called.',
    plain((event) => claimOf(event, 'objectidentifier') ?? otherObjectId(event)),
  ],
  [
    'azure.caller.type',
    'CHARBUF',
    '`user`, `serviceprincipal`, `managedidentity`, `app` or `unknown`.',
    plain(callerTypeOf),
  ],
  [
    'azure.caller.appid',
    'CHARBUF',
    'The app that called.',
    firstOf('identity.claims.appid', 'properties.appId', 'properties.initiatedBy.app.appId'),
  ],
  ['azure.authz.action', 'CHARBUF', 'The action that was authorised.', firstOf('identity.authorization.action')],
  ['azure.authz.scope', 'CHARBUF', 'The scope of the authorisation.', firstOf('identity.authorization.scope')],
  ['azure.authz.role', 'CHARBUF', 'The role that allowed it.', firstOf('identity.authorization.evidence.role')],
  [
    'azure.claim',
    'CHARBUF',
    'A claim of who called, by its key or the end of it: `azure.claim[upn]`.',
    (name = '') =>
      (event) =>
        claimOf(event, name),
    byKey,
  ],
];

const signIns: readonly CloudFieldRow[] = [
  ['azure.signin.user', 'CHARBUF', 'Who signs in.', property('userPrincipalName')],
  ['azure.signin.app', 'CHARBUF', 'The app that is signed in to.', property('appDisplayName')],
  ['azure.signin.appid', 'CHARBUF', 'The id of that app.', property('appId')],
  ['azure.signin.resource', 'CHARBUF', 'The resource that is asked for.', property('resourceDisplayName')],
  ['azure.signin.clientapp', 'CHARBUF', 'The kind of client: `Browser`, `IMAP4`.', property('clientAppUsed')],
  ['azure.signin.protocol', 'CHARBUF', 'The protocol: `deviceCode`, `ropc`.', property('authenticationProtocol')],
  ['azure.signin.interactive', 'CHARBUF', 'Whether a person was there: `true` or `false`.', property('isInteractive')],
  ['azure.signin.errorcode', 'UINT64', 'The code of the error; 0 is success.', plain(errorCodeOf)],
  [
    'azure.signin.failurereason',
    'CHARBUF',
    'Why it failed.',
    firstOf('properties.status.failureReason', 'resultDescription'),
  ],
  [
    'azure.signin.ca.status',
    'CHARBUF',
    'Conditional access: `success`, `failure`, `notApplied`.',
    property('conditionalAccessStatus'),
  ],
  [
    'azure.signin.authrequirement',
    'CHARBUF',
    '`singleFactorAuthentication` or `multiFactorAuthentication`.',
    property('authenticationRequirement'),
  ],
  ['azure.signin.risk.level', 'CHARBUF', 'The risk of this sign-in.', property('riskLevelDuringSignIn')],
  ['azure.signin.risk.aggregated', 'CHARBUF', 'The risk of the user.', property('riskLevelAggregated')],
  ['azure.signin.risk.state', 'CHARBUF', 'What became of the risk: `atRisk`, `remediated`.', property('riskState')],
  ['azure.signin.risk.types', 'CHARBUF', 'What makes it a risk.', risks, { list: true }],
  ['azure.signin.country', 'CHARBUF', 'The country.', firstOf('properties.location.countryOrRegion', 'location')],
  ['azure.signin.city', 'CHARBUF', 'The city that who signs in is in.', property('location.city')],
  ['azure.signin.device.id', 'CHARBUF', 'The device.', property('deviceDetail.deviceId')],
  [
    'azure.signin.device.os',
    'CHARBUF',
    'The operating system of the device.',
    property('deviceDetail.operatingSystem'),
  ],
  ['azure.signin.device.trust', 'CHARBUF', 'How the device is known.', property('deviceDetail.trustType')],
  [
    'azure.signin.device.compliant',
    'CHARBUF',
    'Whether the device complies: `true` or `false`.',
    property('deviceDetail.isCompliant'),
  ],
  [
    'azure.signin.serviceprincipal',
    'CHARBUF',
    'The service principal that signs in.',
    property('servicePrincipalName'),
  ],
];

const audits: readonly CloudFieldRow[] = [
  [
    'azure.audit.activity',
    'CHARBUF',
    'What was done in the directory.',
    plain((event) => text(find(event, 'properties.activityDisplayName')) ?? operationOf(event)),
  ],
  ['azure.audit.service', 'CHARBUF', 'The service that logged it.', property('loggedByService')],
  ['azure.audit.optype', 'CHARBUF', 'The type of operation: `Add`, `Update`.', property('operationType')],
  ['azure.audit.result', 'CHARBUF', '`success`, `failure` or `timeout`.', property('result')],
  ['azure.audit.reason', 'CHARBUF', 'Why that is the result.', property('resultReason')],
  [
    'azure.audit.target.names',
    'CHARBUF',
    'The names of what was changed.',
    targets((target) => key(target, 'userPrincipalName') ?? key(target, 'displayName')),
    listed,
  ],
  ['azure.audit.target.ids', 'CHARBUF', 'The ids of what was changed.', targets((target) => key(target, 'id')), listed],
  [
    'azure.audit.target.types',
    'CHARBUF',
    'The types of what was changed.',
    targets((target) => key(target, 'type')),
    listed,
  ],
  [
    'azure.audit.modified.names',
    'CHARBUF',
    'The properties that were changed.',
    plain((event) => list(modifications(event).map((change) => key(change, 'displayName')))),
    { list: true },
  ],
  ['azure.audit.modified.new', 'CHARBUF', 'What a property was changed to, by its name.', modified('newValue'), byKey],
  ['azure.audit.modified.old', 'CHARBUF', 'What a property was before, by its name.', modified('oldValue'), byKey],
  ['azure.audit.detail', 'CHARBUF', 'A further detail, by its key.', detail, byKey],
];

const transport: readonly CloudFieldRow[] = [
  [
    'azure.eventhub.partition',
    'CHARBUF',
    'The partition of the Event Hub that it came from.',
    fromOrigin('azure.eventhub.partition'),
  ],
  ['azure.eventhub.offset', 'CHARBUF', 'Its offset in the partition.', fromOrigin('azure.eventhub.offset')],
  ['azure.eventhub.seq', 'UINT64', 'Its sequence number in the partition.', fromOrigin('azure.eventhub.seq')],
  [
    'azure.eventhub.enqueued',
    'ABSTIME',
    'When the Event Hub took it: nanoseconds since 1970.',
    fromOrigin('azure.eventhub.enqueued'),
  ],
];

export const azureFields: readonly CloudField[] = [
  ...defineCloudFields('azure', [...general, ...callers]),
  ...defineCloudFields('azure.signin', signIns),
  ...defineCloudFields('azure.audit', audits),
  ...defineCloudFields('azure.eventhub', transport),
];
