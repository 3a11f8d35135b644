/// <reference types="vite/client" />
/** True under `vite` only, whatever NODE_ENV says: what it guards is not in the release bundle. */
declare const __DRAFT__: boolean;
