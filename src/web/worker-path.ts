/** The path of the page, because the worker may be mounted below a path. */
export const WORKER_PATH = new URL('.', location.href).pathname.replace(/\/$/, '')
