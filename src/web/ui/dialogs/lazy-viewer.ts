import { lazy } from '../lazy.tsx'

/** The viewer, which the page of a share has as well; it is loaded when it is first wanted. */
export const ViewerDialog = lazy(async () => (await import('./viewer-dialog.tsx')).ViewerDialog)
