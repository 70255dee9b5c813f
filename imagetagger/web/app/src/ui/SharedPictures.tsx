import controls from "./controls.module.css";
import { Dialog } from "./Dialog";
import dialogStyles from "./Dialog.module.css";
import { useWords } from "./language";
import type { Offer } from "./receiving";

/** Asks whether shared pictures are to be added; closed without an answer, it asks again at the next opening. */
export function SharedPictures({ offer }: { offer: Offer }) {
  const { gallery } = useWords();
  return (
    <Dialog title={gallery.shared(offer.count)} onClose={offer.postpone}>
      <p>{gallery.sharedBy}</p>
      <footer class={dialogStyles.actions}>
        <button type="button" class={controls.button} onClick={offer.refuse}>
          {gallery.refuseShared}
        </button>
        <button type="button" class={`${controls.button} ${controls.primary}`} onClick={offer.add}>
          {gallery.addShared}
        </button>
      </footer>
    </Dialog>
  );
}
