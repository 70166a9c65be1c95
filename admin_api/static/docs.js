// In a file of its own, because the page's policy allows no inline script.
const place = document.getElementById("swagger-ui");
window.ui = SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  persistAuthorization: false,
  // The bundled default would send the document to a validator on the internet.
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
