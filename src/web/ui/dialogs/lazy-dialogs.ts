import { lazy } from '../lazy.tsx'

/** The dialogs; each is loaded when it is first wanted. */
export const ConfirmDialog = lazy(async () => (await import('./confirm-dialog.tsx')).ConfirmDialog)
export const ConflictDialog = lazy(
  async () => (await import('./conflict-dialog.tsx')).ConflictDialog,
)
export const DetailsDialog = lazy(async () => (await import('./details-dialog.tsx')).DetailsDialog)
export const FolderDialog = lazy(async () => (await import('./folder-dialog.tsx')).FolderDialog)
export const MoveDialog = lazy(async () => (await import('./move-dialog.tsx')).MoveDialog)
export const RevokeDialog = lazy(async () => (await import('./revoke-dialog.tsx')).RevokeDialog)
export const ShareDialog = lazy(async () => (await import('./share-dialog.tsx')).ShareDialog)
export const SharesDialog = lazy(async () => (await import('./shares-dialog.tsx')).SharesDialog)
