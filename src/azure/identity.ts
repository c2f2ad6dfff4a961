/** What is used of Azure's identities, loaded when no connection string is given. */

export { DefaultAzureCredential } from '@azure/identity';
