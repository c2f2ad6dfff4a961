/** Whom a request lets in. */

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { grantsOf } from '../../../src/events/aws/grants.ts';
import type { CloudEvent } from '../../../src/events/cloud/event.ts';

const grants = (requestParameters: unknown, recipientAccountId: unknown = '111122223333') =>
  grantsOf({ document: { requestParameters, recipientAccountId } } as unknown as CloudEvent);

const allow = (Principal: unknown, rest: object = {}) => ({ Statement: [{ Effect: 'Allow', Principal, ...rest }] });

describe('principals of policies', () => {
  test.each([
    ['as text', { policyDocument: JSON.stringify(allow({ AWS: '999988887777' })) }],
    ['as an object', { bucketPolicy: allow({ AWS: 'arn:aws:iam::999988887777:root' }) }],
    [
      'deep in attributes',
      { attributes: { Policy: JSON.stringify(allow({ AWS: ['arn:aws:iam::999988887777:user/x'] })) } },
    ],
    [
      'a lone statement',
      { policy: JSON.stringify({ Statement: { Effect: 'Allow', Principal: { AWS: '999988887777' } } }) },
    ],
    ['in China', { policyText: JSON.stringify(allow({ AWS: 'arn:aws-cn:iam::999988887777:root' })) }],
    ['a session', { policyText: JSON.stringify(allow({ AWS: 'arn:aws:sts::999988887777:assumed-role/a/b' })) }],
    ['beside the own account', { bucketPolicy: allow({ AWS: ['111122223333', '999988887777'] }) }],
  ])('%s', (_, request) => {
    expect(grants(request)).toEqual({ accounts: ['999988887777'], everybody: false });
  });

  test('everybody', () => {
    for (const principal of ['*', { AWS: '*' }, { AWS: ['*'] }]) {
      expect(grants({ bucketPolicy: allow(principal) }).everybody).toBe(true);
      expect(grants({ bucketPolicy: allow(principal, { Condition: {} }) }).everybody).toBe(true);
      const narrowed = allow(principal, { Condition: { StringEquals: { 'aws:SourceVpce': 'vpce-1' } } });
      expect(grants({ bucketPolicy: narrowed }).everybody).toBe(false);
    }
  });

  test('a denial, a service, the account itself and text that is no policy let nobody in', () => {
    const denial = { Statement: [{ Effect: 'Deny', Principal: '*' }] };
    for (const policy of [
      denial,
      allow({ Service: 'ec2.amazonaws.com' }),
      allow({ AWS: '111122223333' }),
      'Statement',
      '{',
    ])
      expect(grants({ policy })).toEqual({ accounts: [], everybody: false });
  });
});

test('permissions of images, snapshots, functions, keys, shares and access lists', () => {
  const item = (value: object) => ({ add: { items: [value] } });
  expect(grants({ launchPermission: item({ group: 'all' }) }).everybody).toBe(true);
  expect(grants({ createVolumePermission: item({ userId: '999988887777' }) }).accounts).toEqual(['999988887777']);
  expect(grants({ attributeName: 'restore', valuesToAdd: ['all', '999988887777'] })).toEqual({
    accounts: ['999988887777'],
    everybody: true,
  });
  expect(grants({ principal: '*' }).everybody).toBe(true);
  expect(grants({ principal: 'events.amazonaws.com' })).toEqual({ accounts: [], everybody: false });
  expect(grants({ granteePrincipal: 'arn:aws:iam::999988887777:role/x' }).accounts).toEqual(['999988887777']);
  expect(grants({ principals: ['999988887777'] }).accounts).toEqual(['999988887777']);
  expect(grants({ 'x-amz-acl': ['public-read'] }).everybody).toBe(true);
  const AllUsers = 'http://acs.amazonaws.com/groups/global/AllUsers';
  const acl = { AccessControlPolicy: { AccessControlList: { Grant: [{ Grantee: { URI: AllUsers } }] } } };
  expect(grants(acl).everybody).toBe(true);
});

test('a permission that is taken away lets nobody in', () => {
  expect(grants({ launchPermission: { remove: { items: [{ group: 'all' }] } } }).everybody).toBe(false);
});

test('whatever a request holds, it is read', () => {
  const request = fc.anything({ withNullPrototype: true, withBigInt: true });
  fc.assert(
    fc.property(request, request, (parameters, account) => {
      const { accounts, everybody } = grants(parameters, account);
      expect(Array.isArray(accounts) && typeof everybody).toBe('boolean');
    }),
  );
});
