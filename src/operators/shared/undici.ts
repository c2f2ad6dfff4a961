/** What is used of undici, loaded by the first list that is fetched: a CommonJS package has no names for `import()`. */

export { Agent, EnvHttpProxyAgent, interceptors, Pool, request } from 'undici';
