/** Clients of AWS, loaded when the source opens, and what their errors mean. */

import type { CloudTrailClient } from '@aws-sdk/client-cloudtrail';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { SourceContext } from '../../core/component.ts';
import { exitCode, messageOf, SourceError } from '../../core/errors.ts';
import { proxyAgents } from '../../core/net/proxy.ts';
import type { Config } from './config.ts';
import { keepAnswers, unreadAnswer } from './no-answer.ts';

export type AccessConfig = Pick<
  Config,
  'region' | 'endpoint' | 'profile' | 'config_file' | 'credentials_file' | 'assume_role'
>;

/** Makes clients that share how they get in. */
export class Aws {
  readonly #config: AccessConfig;
  readonly #ctx: Pick<SourceContext, 'resolve'>;

  constructor(config: AccessConfig, ctx: Pick<SourceContext, 'resolve'>) {
    this.#config = config;
    this.#ctx = ctx;
  }

  async s3(): Promise<S3Client> {
    const { S3Client } = await import('./sdk/s3.ts');
    const { AWS_ENDPOINT_URL_S3: ofS3, AWS_ENDPOINT_URL: ofAll } = process.env;
    // A server that is not AWS's has no host for each bucket.
    const forcePathStyle = (this.#config.endpoint ?? ofS3 ?? ofAll) !== undefined;
    return keepAnswers(new S3Client({ ...(await this.#options()), forcePathStyle }));
  }

  async sqs(): Promise<SQSClient> {
    const { SQSClient } = await import('./sdk/sqs.ts');
    return keepAnswers(new SQSClient(await this.#options()));
  }

  async cloudTrail(region?: string): Promise<CloudTrailClient> {
    const { CloudTrailClient } = await import('./sdk/api.ts');
    // It is told here when it asks too often, and waits for longer.
    const options = { ...(await this.#options()), maxAttempts: 1 };
    return keepAnswers(new CloudTrailClient(region === undefined ? options : { ...options, region }));
  }

  async #options() {
    const { region, endpoint, profile, assume_role: role } = this.#config;
    const providers = await import('./sdk/credentials.ts');
    const agents = proxyAgents();
    const through = agents ? { requestHandler: new (await import('./sdk/handler.ts')).ProxyHandler(agents) } : {};
    const { config_file: configFile, credentials_file: credentialsFile } = this.#config;
    const files = {
      ...(profile === undefined ? {} : { profile }),
      ...(configFile === undefined ? {} : { configFilepath: this.#ctx.resolve(configFile) }),
      ...(credentialsFile === undefined ? {} : { filepath: this.#ctx.resolve(credentialsFile) }),
      clientConfig: through,
    };
    const own = providers.fromNodeProviderChain(files);
    const credentials = role
      ? providers.fromTemporaryCredentials({
          masterCredentials: own,
          params: {
            RoleArn: role.arn,
            RoleSessionName: role.session_name,
            ...(role.external_id === undefined ? {} : { ExternalId: role.external_id }),
          },
          clientConfig: {
            ...through,
            ...(region === undefined ? {} : { region }),
            ...(endpoint === undefined ? {} : { endpoint }),
          },
        })
      : own;
    return {
      ...through,
      credentials,
      ...(profile === undefined ? {} : { profile }),
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
    };
  }
}

/** Errors after which no other try can succeed: who we are is not known, or no longer. */
const UNKNOWN: ReadonlySet<string> = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'IncompleteSignature',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'NotAuthorized',
  'OptInRequired',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'TokenRefreshRequired',
  'UnrecognizedClientException',
  'InvalidToken',
]);

const DENIED: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AllAccessDisabled',
  'KMS.AccessDeniedException',
  'KMSAccessDeniedException',
  // A key that was disabled, or is about to be deleted, can come back; to take it away is one way to blind whoever watches.
  'KMS.DisabledException',
  'KMS.KMSInvalidStateException',
  'AWS.SimpleQueueService.AccessDenied',
  'Forbidden',
]);

const MISSING: ReadonlySet<string> = new Set([
  'NoSuchBucket',
  'NoSuchQueue',
  'QueueDoesNotExist',
  'AWS.SimpleQueueService.NonExistentQueue',
]);

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');

/** Whether who we are is not known. */
export const isUnknown = (error: unknown): boolean =>
  UNKNOWN.has(nameOf(error)) || /region is missing/i.test(messageOf(error));

/** Whether something was refused to who we are. */
export const isDenied = (error: unknown): boolean => DENIED.has(nameOf(error));

/** Errors after which an object stays as it is, however often it is asked for; by each the reason of its dead letter. */
const LOST: ReadonlyMap<string, string> = new Map([
  ['InvalidObjectState', 'archived_object'],
  ['KMS.NotFoundException', 'no_key'],
]);

/** Why an object that is there can never be read: archived, or encrypted with a key that is no more. */
export const lostFor = (error: unknown): string | undefined => LOST.get(nameOf(error));

/** Whether an object is not there. */
export function isNoObject(error: unknown): boolean {
  const { name, $metadata: metadata } = (error ?? {}) as { name?: string; $metadata?: { httpStatusCode?: number } };
  return name === 'NoSuchKey' || name === 'NotFound' || (metadata?.httpStatusCode === 404 && name !== 'NoSuchBucket');
}

/** Whether it was asked too often. */
export const isThrottled = (error: unknown): boolean =>
  /Throttl|TooManyRequests|SlowDown|RequestLimitExceeded/.test(nameOf(error));

/** What to do where nobody says who we are. */
const LOGIN =
  '; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a `profile` that ~/.aws has, or run where a role is given';

/** The error of a call that the whole source depends on: a SourceError where no other try can succeed. */
export function explained(error: unknown, what: string): Error {
  const told = unreadAnswer(error) ?? `${nameOf(error)}: ${messageOf(error)}`;
  const message = `${what}: ${told}${nameOf(error) === 'CredentialsProviderError' ? LOGIN : ''}`;
  const hopeless = isUnknown(error) || isDenied(error) || MISSING.has(nameOf(error));
  if (!hopeless) return new Error(message, { cause: error });
  return new SourceError(message, { exit: exitCode.noPermission, cause: error });
}
