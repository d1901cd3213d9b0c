/* Narrow the page while one types; without this script the form asks the server. */
"use strict";
{
    const box = document.getElementById("rpc-q");
    const entries = [...document.querySelectorAll(".rpc-app > .rpc-entry")];
    const texts = entries.map((entry) => `${entry.id}\n${entry.textContent}`.toLowerCase());
    const links = [...document.querySelectorAll(".rpc-link")];

    box.addEventListener("input", () => {
        const words = box.value.toLowerCase().split(/\s+/);
        const found = new Set();
        entries.forEach((entry, place) => {
            entry.hidden = !words.every((word) => texts[place].includes(word));
            if (!entry.hidden) {
                found.add(`#${entry.id}`);
            }
        });
        for (const link of links) {
            link.hidden = !found.has(link.firstChild.getAttribute("href"));
        }
        for (const app of document.querySelectorAll(".rpc-app")) {
            app.hidden = !app.querySelector(":scope > .rpc-entry:not([hidden])");
        }
    });
}
