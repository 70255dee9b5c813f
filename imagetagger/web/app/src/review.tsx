import "./ui/styles/tokens.css";
import "./ui/styles/base.css";
import "./ui/controls.module.css"; // before those of components, which resize some buttons
import { render } from "preact";
import { ArchiveReview } from "./ui/ArchiveReview";
import { connect } from "./ui/archive_server";
import { LanguageProvider } from "./ui/language";
import "./ui/styles/utilities.css";

const root = document.getElementById("app");
if (root === null) throw new Error("got a page without #app, expected review.html");
render(
  <LanguageProvider>
    <ArchiveReview server={connect()} />
  </LanguageProvider>,
  root,
);
