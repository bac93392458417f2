import Uppy from '@uppy/core'
import Tus from '@uppy/tus'

/** For the page of a test, which is no module. */
Object.assign(globalThis, { Uppy, Tus })
