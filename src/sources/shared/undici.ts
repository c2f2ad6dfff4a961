/** What is used of undici, loaded by the first source that needs it: a CommonJS package has no names for `import()`. */

export { Agent, buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool, request } from 'undici';
