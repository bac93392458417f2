import { Button } from './button.tsx'

/** Draws more rows of a long list; nothing when there are no more. */
export function MoreButton({ left, onClick }: { left: number; onClick: () => void }) {
  if (left <= 0) return null
  return (
    <div class="buttons centred">
      <Button icon="more" onClick={onClick}>
        {`Show more of ${left} others`}
      </Button>
    </div>
  )
}
